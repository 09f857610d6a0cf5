import type { Clock } from "./clock.ts";

/** What a bounded wait saw: the settled promise's value, its failure, or the end of the time. */
export type Bounded<T> =
  | { readonly outcome: "done"; readonly value: T }
  | { readonly outcome: "failed"; readonly error: unknown }
  | { readonly outcome: "timed_out" };

/**
 * Waits for `work` at most `limitMs`. The work is not cancelled: a caller that gives up on a store
 * still wants to hear of its late success, so it keeps the promise it passed in.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
): Promise<Bounded<T>> {
  const settled = new AbortController();
  const outcome = work.then(
    (value): Bounded<T> => ({ outcome: "done", value }),
    (error: unknown): Bounded<T> => ({ outcome: "failed", error }),
  );
  const limit = clock
    .sleep(Math.max(0, limitMs), settled.signal)
    .then((): Bounded<T> => ({ outcome: "timed_out" }));
  try {
    return await Promise.race([outcome, limit]);
  } finally {
    settled.abort();
  }
}
