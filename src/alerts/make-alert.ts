import { LockstepError } from "../model/lockstep-error.ts";
import type { SyncReport } from "../verify/cache-verifier.ts";
import type { CopyClass } from "../verify/classify.ts";
import { isIssue } from "../verify/classify.ts";
import type { CheckedHealth } from "../verify/health-check.ts";
import { ALERT_KEY_CHARACTERS_MAX, ALERT_KEYS_MAX, type Alert } from "./alert-schema.ts";
import type { HealthState } from "./judge-told.ts";

/** What every alert of this process says of itself. */
export interface AlertSource {
  /** Which process of which machine. */
  readonly by: string;
  readonly version: string;
}

/** What a check has found, in the three states that an alert can be about. */
export function stateOf({ came }: CheckedHealth): HealthState {
  if ("error" in came) return "failed";
  return came.report.healthy ? "good" : "issues";
}

const EVENTS: Readonly<Record<HealthState, Alert["event"]>> = {
  good: "recovered",
  issues: "issues_detected",
  failed: "check_failed",
};

export function makeAlert(
  checked: CheckedHealth,
  details: AlertSource & {
    readonly id: string;
    readonly reminder: boolean;
    readonly sinceMs: number;
    /** Takes secrets out of a text. */
    readonly redact: (text: string) => string;
  },
): Alert {
  const { came, atMs } = checked;
  const { redact, sinceMs, ...rest } = details;
  const event = EVENTS[stateOf(checked)];
  return {
    format: "lockstep-alert-1",
    ...rest,
    event,
    at: new Date(atMs).toISOString(),
    since: new Date(sinceMs).toISOString(),
    ...("error" in came
      ? failure(came.error, redact)
      : { summary: summaryOf(came.report), findings: findingsOf(came.report), error: null }),
  };
}

/** Says that it is one, and nothing else. */
export function testAlert(
  details: AlertSource & { readonly id: string; readonly atMs: number },
): Alert {
  const { atMs, ...rest } = details;
  return {
    format: "lockstep-alert-1",
    ...rest,
    event: "test",
    reminder: false,
    summary: "This is a test. Alerts of Lockstep arrive here.",
    at: new Date(atMs).toISOString(),
    since: null,
    findings: null,
    error: null,
  };
}

/** What went wrong inside is for the log alone: it may hold paths, addresses or other people's values. */
function failure(error: unknown, redact: (text: string) => string) {
  const told =
    error instanceof LockstepError
      ? { code: error.code, message: redact(error.message) }
      : { code: "INTERNAL", message: "The log says more." };
  const summary = `Cache and store could not be compared: ${told.code}. ${told.message}`;
  return { summary, findings: null, error: told };
}

function summaryOf({ healthy, pass, keysChecked, counts }: SyncReport): string {
  const of = `${keysChecked} ${keysChecked === 1 ? "key was" : "keys were"} compared`;
  if (healthy) return `Cache and store agree: ${of}.`;
  const classes = issuesOf(counts).map(([name, count]) => `${count} ${name}`);
  const keys = `${pass.issues} ${pass.issues === 1 ? "key" : "keys"}`;
  return `Cache and store differ in ${keys} (${classes.join(", ")}); ${of}.`;
}

function findingsOf(report: SyncReport) {
  const { keysChecked, pass, counts, unprocessedOutboxEvents, mismatches } = report;
  return {
    keysChecked,
    issues: pass.issues,
    counts: Object.fromEntries(issuesOf(counts)),
    unprocessedOutboxEvents,
    keys: mismatches
      .slice(0, ALERT_KEYS_MAX)
      .map(({ key, copyClass }) => ({ key: shortened(key), class: copyClass })),
    truncated: pass.issues > ALERT_KEYS_MAX,
  };
}

function issuesOf(counts: SyncReport["counts"]): readonly (readonly [string, number])[] {
  return Object.entries(counts).filter(([name, count]) => count > 0 && isIssue(name as CopyClass));
}

/** By characters and not by their halves, which would no longer be text. */
function shortened(key: string): string {
  const characters = Array.from(key);
  if (characters.length <= ALERT_KEY_CHARACTERS_MAX) return key;
  return `${characters.slice(0, ALERT_KEY_CHARACTERS_MAX).join("")}…`;
}
