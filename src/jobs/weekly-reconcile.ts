import type { CheckRunner } from "./check-runner.ts";
import type { CheckTarget } from "./check-target.ts";
import type { Occasion } from "./scheduled-job.ts";

/** Reconciles all that every target has, in turn. One that fails is kept as failed and does not keep the others waiting. */
export async function weeklyReconcile(
  {
    runner,
    targets,
  }: { readonly runner: Pick<CheckRunner, "reconcile">; readonly targets: readonly CheckTarget[] },
  { reason, signal }: Occasion,
): Promise<void> {
  for (const target of targets) {
    if (signal.aborted) return;
    await runner.reconcile({ job: "weekly_reconcile", target, reason, extent: "all", signal });
  }
}
