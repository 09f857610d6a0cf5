import PQueue from "p-queue";
import type { Clock } from "../lib/clock.ts";
import { type InTurn, within } from "../lib/deadline.ts";

export interface PoolLoad {
  /** Direct syncs running now. */
  readonly active: number;
  /** How many may run at once. */
  readonly max: number;
  /** Waiting for a place. */
  readonly queued: number;
}

interface PoolTerms<T> {
  readonly limitMs: number;
  readonly placeMs?: number;
  readonly onLate?: (value: T) => void;
}

/** Bounds how many direct syncs run at once; the rest wait in order. */
export class SyncPool {
  readonly #queue: PQueue;
  readonly #clock: Clock;

  constructor(clock: Clock, concurrency: number) {
    this.#clock = clock;
    this.#queue = new PQueue({ concurrency });
  }

  get load(): PoolLoad {
    return { active: this.#queue.pending, max: this.#queue.concurrency, queued: this.#queue.size };
  }

  /**
   * Runs `task` when there is a place and waits for it at most `limitMs`, the wait for a place included. One that has
   * waited for its place for `placeMs` is never begun, which leaves its caller time for another way; one that has begun goes on,
   * and `onLate` hears of it if it succeeds after all.
   */
  async run<T>(
    task: () => Promise<T>,
    { limitMs, placeMs = limitMs, onLate }: PoolTerms<T>,
  ): Promise<InTurn<T>> {
    const clock = this.#clock;
    const untilMs = clock.monotonicMs() + limitMs;
    const givenUp = new AbortController();
    const progress = { begun: false, tell: () => undefined as void };
    const begun = new Promise<void>((resolve) => {
      progress.tell = resolve;
    });
    const begin = () => {
      progress.begun = true;
      progress.tell();
      return task();
    };
    const work = this.#queue.add(begin, { signal: givenUp.signal });
    if (!progress.begun) await within(clock, placeMs, begun);
    // Only a task that still waits is aborted: of one that runs the queue would forget the answer and give its place
    // away while it is still taken.
    if (!progress.begun) {
      work.catch(() => undefined);
      givenUp.abort("given up");
      return { outcome: "never_begun" };
    }
    const bounded = await within(clock, untilMs - clock.monotonicMs(), work);
    if (bounded.outcome === "timed_out") work.then(onLate, () => undefined);
    return bounded;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }
}
