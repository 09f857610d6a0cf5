import type { Clock } from "./clock.ts";

/** What another machine's clock said, against ours. */
export interface ClockReading {
  /** How far that clock is ahead of ours, milliseconds; negative = behind. */
  readonly aheadMs: number;
  /** By how much that may be wrong: half of what the question took, milliseconds. */
  readonly uncertainMs: number;
}

/** Asks another clock once. It is taken to have been read half-way between question and answer. */
export async function readClock(clock: Clock, ask: () => Promise<number>): Promise<ClockReading> {
  const begunMs = clock.monotonicMs();
  const otherMs = await ask();
  const uncertainMs = (clock.monotonicMs() - begunMs) / 2;
  return { aheadMs: otherMs - (clock.nowMs() - uncertainMs), uncertainMs };
}
