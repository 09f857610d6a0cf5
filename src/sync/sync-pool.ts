import PQueue from "p-queue";
import type { Clock } from "../lib/clock.ts";
import { type Bounded, within } from "../lib/deadline.ts";

export interface PoolLoad {
  /** Direct syncs running now. */
  readonly active: number;
  /** How many may run at once. */
  readonly max: number;
  /** Waiting for a place. */
  readonly queued: number;
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
   * Runs `task` when there is a place and waits for it at most `limitMs`, the wait for a place included. A task still
   * waiting then is never begun; one that has begun goes on, and `onLate` hears of it if it succeeds after all.
   */
  async run<T>(
    task: () => Promise<T>,
    { limitMs, onLate }: { readonly limitMs: number; readonly onLate?: (value: T) => void },
  ): Promise<Bounded<T>> {
    const givenUp = new AbortController();
    const progress = { begun: false };
    const begin = () => {
      progress.begun = true;
      return task();
    };
    const work = this.#queue.add(begin, { signal: givenUp.signal });
    const bounded = await within(this.#clock, limitMs, work);
    if (bounded.outcome === "timed_out") {
      // Only a task that still waits is aborted: of one that runs the queue would forget the answer and give its place
      // away while it is still taken.
      if (!progress.begun) givenUp.abort();
      work.then(onLate, () => undefined);
    }
    return bounded;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }
}
