import type { Alert } from "./alert-schema.ts";

export interface AlertText {
  /** One line, without any text that came from outside. */
  readonly subject: string;
  /** What else there is to say, a line each. */
  readonly lines: readonly string[];
}

const WHAT_TO_DO: Readonly<Record<Alert["event"], string>> = {
  issues_detected:
    "lockstep verify_cache_sync names the keys; docs/OPERATIONS.md says what to do for each class.",
  check_failed: "GET /ready and lockstep doctor name the cause.",
  recovered: "Nothing needs doing.",
  test: "Nothing needs doing: somebody ran lockstep alert --test.",
};

/** An alert for people. */
export function alertText(alert: Alert): AlertText {
  const { event, reminder, summary, findings, since, at, by } = alert;
  return {
    subject: `Lockstep: ${reminder ? "still: " : ""}${SUBJECTS[event]}`,
    lines: [
      summary,
      ...(findings === null || findings.keys.length === 0
        ? []
        : [`Keys: ${findings.keys.map(nameOf).join(", ")}${findings.truncated ? ", …" : ""}`]),
      ...(since === null || since === at ? [] : [`Since: ${since}`]),
      `Checked at ${at} by ${by}.`,
      WHAT_TO_DO[event],
    ],
  };
}

const SUBJECTS: Readonly<Record<Alert["event"], string>> = {
  issues_detected: "cache and store differ",
  check_failed: "cache and store could not be compared",
  recovered: "cache and store agree again",
  test: "a test alert",
};

/** As JSON, so that a key with a line break in it cannot look like a line of ours. */
function nameOf({ key, class: copyClass }: { readonly key: string; readonly class: string }) {
  return `${JSON.stringify(key)} (${copyClass})`;
}
