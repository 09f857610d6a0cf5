import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/**
 * Waits for a read of the store at most `limitMs`. A store that hangs without closing its connections would otherwise
 * keep the reader until the driver gives the connection up. Error: STORE_UNAVAILABLE.
 */
export async function readWithin<T>(clock: Clock, limitMs: number, read: Promise<T>): Promise<T> {
  const answer = await within(clock, limitMs, read);
  switch (answer.outcome) {
    case "done":
      return answer.value;
    case "failed":
      throw answer.error;
    case "timed_out":
      throw new LockstepError(
        "STORE_UNAVAILABLE",
        `The store did not answer within ${limitMs} ms.`,
      );
  }
}
