import type { Clock } from "../../../lib/clock.ts";

/** Where the server tells no time: a date that no clock reaches. */
const NEVER = new Date(8.64e15);

/**
 * The server's clock as far as this process knows it, so that a statement can carry a point in the server's time
 * however far the two clocks are apart. Every answer to `hello` brings it up to date. Between the server's look at its
 * clock and ours at this one some time passes, so the estimate is behind rather than ahead, and a deadline early
 * rather than late.
 */
export class ServerClock {
  readonly #clock: Clock;
  #aheadMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of the `localTime` of an answer to `hello` that has just come. */
  heard(localTime: unknown): void {
    if (localTime instanceof Date) {
      this.#aheadMs = localTime.getTime() - this.#clock.monotonicMs();
    }
  }

  /** That long from now, in the server's time. */
  inMs(ms: number): Date {
    if (this.#aheadMs === undefined) return NEVER;
    return new Date(Math.floor(this.#clock.monotonicMs() + this.#aheadMs + ms));
  }
}
