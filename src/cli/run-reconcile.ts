import { systemClock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Reconciliation } from "../models/model-reconciler.ts";
import { replyWith } from "../transport/call-reply.ts";
import type { CliContext } from "./cli-context.ts";
import { type ExitCode, exitCodeOf } from "./exit-code.ts";
import type { ReconcileCommand } from "./parse-operator-command.ts";
import { printReport } from "./print-reply.ts";
import { ProgressLine } from "./progress-line.ts";
import { withApp } from "./with-app.ts";

/** A model that could not be gone through; what had been done of it by then stands. */
interface FailedModel {
  readonly model: string;
  readonly error: string;
}

type Outcome = Reconciliation | FailedModel;

/**
 * Brings the entries of one model, or of all, and their documents together. One that fails does not keep the others
 * waiting, and is part of the summary. Errors: those of withApp, INPUT_INVALID (no such model), ABORTED.
 */
export async function runReconcile(
  { model, force, batchSize, maxInstances, checkOnly, verbose, json }: ReconcileCommand,
  context: CliContext,
): Promise<ExitCode> {
  const line = new ProgressLine({ label: "reconcile", json }, context, systemClock);
  // Lines of single documents are info.
  const level = verbose ? "info" : "warn";
  const options = { force, batchSize, maxInstances, checkOnly };
  const outcomes: Outcome[] = [];
  const tell = () => {
    const summary = summed(checkOnly, outcomes);
    context.stdout.write(printReport(summary, json));
    return summary;
  };
  try {
    await withApp(
      context,
      async ({ operators }) => {
        for (const { name } of operators.models.select(model)) {
          const request = { ...options, signal: context.stop, progress: line.show };
          try {
            const done = await operators.modelReconciler.reconcile(name, request);
            outcomes.push({ ...done, tookMs: Math.round(done.tookMs) });
          } catch (error) {
            outcomes.push({ model: name, error: textOf(error) });
            if (context.stop.aborted) throw error;
          }
        }
      },
      level,
    );
    line.finish();
  } catch (error) {
    line.clear();
    // Whoever stops it in the middle still learns what became of the models before.
    if (context.stop.aborted && outcomes.some((one) => !hasFailed(one))) tell();
    throw error;
  } finally {
    line.clear();
  }
  const summary = tell();
  const failed = outcomes.filter(hasFailed);
  for (const one of failed) context.stderr.write(`lockstep: ${one.model}: ${one.error}\n`);
  return failed.length > 0 ? 2 : exitCodeOf("reconcile_model", replyWith(summary));
}

/** The changes and what was left, of all models together, and of each. */
function summed(checkOnly: boolean, outcomes: readonly Outcome[]) {
  const done = outcomes.filter((one): one is Reconciliation => !hasFailed(one));
  const sum = (countOf: (one: Reconciliation) => number) =>
    done.reduce((so, one) => so + countOf(one), 0);
  return {
    checkOnly,
    complete: outcomes.every((one) => !hasFailed(one) && one.complete),
    checked: sum((one) => one.checked),
    created: sum((one) => one.created),
    updated: sum((one) => one.updated),
    removed: sum((one) => one.removed),
    skipped: sum((one) => one.skipped),
    missingTimestamps: sum((one) => one.missingTimestamps),
    otherType: sum((one) => one.otherType),
    undecodable: sum((one) => one.undecodable),
    withoutKey: sum((one) => one.withoutKey),
    lockstepKeys: sum((one) => one.lockstepKeys),
    keptOrphans: sum((one) => one.keptOrphans),
    conflicts: sum((one) => one.conflicts),
    errors: sum((one) => one.errors),
    tookMs: sum((one) => one.tookMs),
    models: outcomes,
  };
}

function hasFailed(one: Outcome): one is FailedModel {
  return "error" in one;
}

/** Drivers keep credentials out of their messages. */
function textOf(error: unknown): string {
  if (error instanceof LockstepError) return `${error.code}: ${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
