import type { Clock } from "./clock.ts";

/** What a bounded wait saw: the settled promise's value, its failure, or the end of the time. */
export type Bounded<T> =
  | { readonly outcome: "done"; readonly value: T }
  | { readonly outcome: "failed"; readonly error: unknown }
  | { readonly outcome: "timed_out" };

/** The same for work that waits for its turn first: when that did not come in time, it is never begun. */
export type InTurn<T> = Bounded<T> | { readonly outcome: "never_begun" };

/** What a promise that settles has settled as. */
export type Settled<T> = Exclude<Bounded<T>, { readonly outcome: "timed_out" }>;

/** Waits for `work`, however long it takes; never rejects. */
export function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  return work.then(
    (value) => ({ outcome: "done", value }),
    (error: unknown) => ({ outcome: "failed", error }),
  );
}

/**
 * Waits for `work` at most `limitMs`. The work is not cancelled: a caller that gives up on a store
 * still wants to hear of its late success, so it keeps the promise it passed in.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
): Promise<Bounded<T>> {
  const over = new AbortController();
  const limit = clock
    .sleep(Math.max(0, limitMs), over.signal)
    .then((): Bounded<T> => ({ outcome: "timed_out" }));
  try {
    return await Promise.race([settled(work), limit]);
  } finally {
    // With a reason, because without one an error is made for it, stack and all: half the cost of a bounded wait.
    over.abort("settled");
  }
}
