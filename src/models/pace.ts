import type { Clock } from "../lib/clock.ts";

/** Holds work back to so much a second on average; what was not used up is not saved. */
export class Pace {
  readonly #clock: Clock;
  readonly #msEach: number;
  #freeAtMs: number;

  /** `perSec`: 0 for no limit. */
  constructor(clock: Clock, perSec: number) {
    this.#clock = clock;
    this.#msEach = perSec === 0 ? 0 : 1000 / perSec;
    this.#freeAtMs = clock.monotonicMs();
  }

  /** Takes note of work that is about to be done, and resolves when it may. */
  async take(items: number, signal?: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const waitMs = this.#freeAtMs - nowMs;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + items * this.#msEach;
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }
}
