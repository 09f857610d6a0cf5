import type { CheckRunner } from "./check-runner.ts";
import type { CheckTarget } from "./check-target.ts";
import type { Occasion } from "./scheduled-job.ts";

export interface DailyCheckParts {
  readonly runner: Pick<CheckRunner, "check">;
  readonly targets: readonly CheckTarget[];
  /** How many copies of each are looked at; 0 = all. */
  readonly sampleSize: number;
}

/** Checks every target in turn. One that fails is kept as failed and does not keep the others from being checked. */
export async function dailyCheck(
  { runner, targets, sampleSize }: DailyCheckParts,
  { reason, signal }: Occasion,
): Promise<void> {
  const size = sampleSize === 0 ? {} : { sampleSize };
  for (const target of targets) {
    if (signal.aborted) return;
    await runner.check({ job: "daily_check", target, reason, signal, warnBelow: 1, ...size });
  }
}
