import type { Clock } from "../../src/lib/clock.ts";
import type { Timeline } from "./timeline.ts";

/** When every simulation begins, by clocks that go right. */
const BEGIN_MS = Date.UTC(2026, 0, 1);

/** The clock of one machine. Its wall clock may be wrong and be set; its monotonic one is not. */
export class SimClock implements Clock {
  readonly #timeline: Timeline;
  readonly #after: Timeline["after"];
  #wrongByMs = 0;

  /** `after`: how what sleeps on this machine is woken. */
  constructor(timeline: Timeline, after: Timeline["after"] = timeline.after.bind(timeline)) {
    this.#timeline = timeline;
    this.#after = after;
  }

  nowMs(): number {
    return Math.floor(BEGIN_MS + this.#timeline.nowMs + this.#wrongByMs);
  }

  monotonicMs(): number {
    return this.#timeline.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#after(ms, end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  /** Moves the wall clock, as NTP or a person would. */
  step(byMs: number): void {
    this.#wrongByMs += byMs;
  }
}
