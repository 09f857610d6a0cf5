import { systemClock } from "../lib/clock.ts";
import type { Reconciliation } from "../models/model-reconciler.ts";
import { replyWith } from "../transport/call-reply.ts";
import type { CliContext } from "./cli-context.ts";
import { type ExitCode, exitCodeOf } from "./exit-code.ts";
import type { ReconcileCommand } from "./parse-operator-command.ts";
import { printReport } from "./print-reply.ts";
import { ProgressLine } from "./progress-line.ts";
import { withApp } from "./with-app.ts";

/** Brings the entries of one model, or of all, and their documents together. Errors: as ModelReconciler.reconcile and withApp. */
export async function runReconcile(
  { model, force, batchSize, maxInstances, checkOnly, verbose, json }: ReconcileCommand,
  context: CliContext,
): Promise<ExitCode> {
  const line = new ProgressLine({ label: "reconcile", json }, context, systemClock);
  // Lines of single documents are info.
  const level = verbose ? "info" : "warn";
  const options = { force, batchSize, maxInstances, checkOnly };
  const models: Reconciliation[] = [];
  try {
    await withApp(
      context,
      async ({ operators }) => {
        for (const { name } of operators.models.select(model)) {
          const request = { ...options, signal: context.stop, progress: line.show };
          const done = await operators.modelReconciler.reconcile(name, request);
          models.push({ ...done, tookMs: Math.round(done.tookMs) });
        }
      },
      level,
    );
    line.finish();
  } finally {
    line.clear();
  }
  const summary = summed(checkOnly, models);
  context.stdout.write(printReport(summary, json));
  return exitCodeOf("reconcile_model", replyWith(summary));
}

/** The changes and what was left, of all models together, and of each. */
function summed(checkOnly: boolean, models: readonly Reconciliation[]) {
  const sum = (countOf: (one: Reconciliation) => number) =>
    models.reduce((so, one) => so + countOf(one), 0);
  return {
    checkOnly,
    complete: models.every((one) => one.complete),
    checked: sum((one) => one.checked),
    created: sum((one) => one.created),
    updated: sum((one) => one.updated),
    removed: sum((one) => one.removed),
    skipped: sum((one) => one.skipped),
    conflicts: sum((one) => one.conflicts),
    missingTimestamps: sum((one) => one.missingTimestamps),
    errors: sum((one) => one.errors),
    tookMs: sum((one) => one.tookMs),
    models,
  };
}
