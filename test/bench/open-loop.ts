import { setImmediate, setTimeout } from "node:timers/promises";

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly count: number;
  /**
   * How to wait for the next operation: "timer" leaves the processor to the servers and is late by up to a millisecond,
   * which counts; "spin" is for differences of microseconds.
   */
  readonly wait: "timer" | "spin";
}

/**
 * Begins `count` operations at a fixed rate, whether those before have ended or not, and returns when all have. Each is
 * told when it was due: a latency that is counted from there also holds the time in which a slow answer, or a busy
 * process, kept it from beginning, which one that is counted from its own beginning would leave out.
 */
export async function openLoop(
  { perSecond, count, wait }: OpenLoopOptions,
  operate: (index: number, dueMs: number) => Promise<unknown>,
): Promise<void> {
  const running: Promise<unknown>[] = [];
  const startMs = performance.now();
  const dueMsOf = (index: number) => startMs + (index * 1000) / perSecond;
  for (let next = 0; next < count; ) {
    while (next < count && dueMsOf(next) <= performance.now()) {
      running.push(operate(next, dueMsOf(next)));
      next += 1;
    }
    await (wait === "spin" ? setImmediate() : setTimeout(1));
  }
  await Promise.all(running);
}

/** The value below which the given share of all lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
