import { systemClock } from "../lib/clock.ts";
import type { ModelCheck } from "../models/model-checker.ts";
import type { SyncReport } from "../verify/cache-verifier.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { LookCommand } from "./parse-operator-command.ts";
import { printFindings } from "./print-findings.ts";
import { printReport } from "./print-reply.ts";
import { ProgressLine } from "./progress-line.ts";
import { examine, isGood } from "./run-doctor.ts";
import { withApp } from "./with-app.ts";

/** What a deployment check tells of the data. */
interface Verification {
  readonly consistent: boolean;
  readonly keysChecked: number;
  /** Of each class that there is. */
  readonly counts: Readonly<Record<string, number>>;
  /** Keys of the issue classes, as far as they fit. */
  readonly mismatches: readonly { readonly key: string; readonly class: string }[];
  readonly truncated: boolean;
  readonly unprocessedOutboxEvents: number;
  /** Of each declared model. */
  readonly models: readonly ModelVerdict[];
  readonly tookMs: number;
}

type ModelVerdict = Pick<
  ModelCheck,
  | "model"
  | "checked"
  | "consistent"
  | "inconsistent"
  | "missing"
  | "orphaned"
  | "lockstepKeys"
  | "ratio"
>;

/** The doctor, then every key. Errors: CONFIG_INVALID, and those of a verification that cannot go on. */
export async function runCheck(command: LookCommand, context: CliContext): Promise<ExitCode> {
  const diagnosis = await examine(context);
  const { state, findings, redact } = diagnosis;
  const skipped = whySkipped(diagnosis);
  const verification = skipped === undefined ? await verify(command, context) : null;
  const isConsistent = verification?.consistent ?? true;
  const passed = isGood(diagnosis, command) && isConsistent;
  const text = command.json
    ? `${JSON.stringify({ passed, state, findings, verification, skipped })}\n`
    : `${printFindings(findings)}\n${printVerification(verification ?? skipped ?? "")}`;
  context.stdout.write(redact(text));
  // Nothing was compared, which must not look like drift.
  if (state === "problem") return 2;
  return passed ? 0 : 1;
}

/** A look at the data would make what is missing, or fail for the reason that is known by now. */
function whySkipped({ state, hasData }: Awaited<ReturnType<typeof examine>>): string | undefined {
  if (state === "problem") return "Nothing was compared: mend the problems first.";
  return hasData ? undefined : "Nothing was compared: cache or store is new.";
}

async function verify({ json }: LookCommand, context: CliContext): Promise<Verification> {
  const line = new ProgressLine({ label: "check", json }, context, systemClock);
  try {
    return await withApp(context, async ({ operators }) => {
      const { verifier, models, modelChecker } = operators;
      const report = await verifier.verify({ signal: context.stop, progress: line.show });
      const checks: ModelCheck[] = [];
      for (const { name } of models.models)
        checks.push(await modelChecker.check(name, { signal: context.stop }));
      line.finish();
      return toVerification(report, checks);
    });
  } finally {
    line.clear();
  }
}

function toVerification(report: SyncReport, checks: readonly ModelCheck[]): Verification {
  const { healthy, keysChecked, mismatches, truncated, unprocessedOutboxEvents, tookMs } = report;
  return {
    // A document that is not cached is no fault: applications cache what is asked for.
    consistent: healthy && checks.every((one) => one.inconsistent + one.orphaned === 0),
    keysChecked,
    counts: Object.fromEntries(Object.entries(report.counts).filter(([, count]) => count > 0)),
    mismatches: mismatches.map(({ key, copyClass }) => ({ key, class: copyClass })),
    truncated,
    unprocessedOutboxEvents,
    models: checks.map(({ model, checked, consistent, inconsistent, missing, ...more }) => {
      const { orphaned, lockstepKeys, ratio } = more;
      return {
        model,
        checked,
        consistent,
        inconsistent,
        missing,
        orphaned,
        lockstepKeys,
        ratio,
      };
    }),
    tookMs: Math.round(tookMs),
  };
}

function printVerification(verification: Verification | string): string {
  if (typeof verification === "string") return `${verification}\n`;
  return printReport(verification, false);
}
