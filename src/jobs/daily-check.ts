import type { CheckRunner } from "./check-runner.ts";
import type { CheckTarget } from "./check-target.ts";
import type { Occasion } from "./scheduled-job.ts";

/** Checks every target in turn. One that fails is kept as failed and does not keep the others from being checked. */
export async function dailyCheck(
  { runner, targets }: { readonly runner: CheckRunner; readonly targets: readonly CheckTarget[] },
  { reason, signal }: Occasion,
): Promise<void> {
  for (const target of targets) {
    if (signal.aborted) return;
    await runner.check({ job: "daily_check", target, reason, signal, warnBelow: 1 });
  }
}
