import { setImmediate as turn } from "node:timers/promises";
import type { ManualClock } from "./manual-clock.ts";

/** Moves the clock on, whenever nothing else is left to run, until `work` has settled; tells what it settled with. */
export async function runThrough<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  work.then(settle, settle);
  for (let turns = 0; turns < 1000; turns += 1) {
    await turn();
    if (state.settled) return work;
    await clock.advance(50);
  }
  throw new Error("The work did not settle within 50 seconds of the manual clock.");
}
