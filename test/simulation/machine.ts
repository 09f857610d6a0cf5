import { SimClock } from "./sim-clock.ts";
import type { Timeline } from "./timeline.ts";

/**
 * What one process runs on. Everything that reaches the process from outside, an answer or the end of a sleep, comes
 * through `after`, so a machine that stands still or is gone runs none of its code.
 */
export class Machine {
  readonly name: string;
  readonly clock: SimClock;
  /** Resolves when it crashes. */
  readonly gone: Promise<void>;
  readonly #timeline: Timeline;
  readonly #whenGone: () => void;
  #isGone = false;
  #standsUntilMs = 0;

  constructor(name: string, timeline: Timeline) {
    this.name = name;
    this.#timeline = timeline;
    this.clock = new SimClock(timeline, (delayMs, run) => this.after(delayMs, run));
    let whenGone = () => undefined as void;
    this.gone = new Promise((resolve) => {
      whenGone = resolve;
    });
    this.#whenGone = whenGone;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Runs `run` here in `delayMs`, later while the machine stands still, and never once it is gone. */
  after(delayMs: number, run: () => void | Promise<void>): () => void {
    let cancel = () => undefined as void;
    const arrive = (): void | Promise<void> => {
      if (this.#isGone) return undefined;
      const standsForMs = this.#standsUntilMs - this.#timeline.nowMs;
      if (standsForMs <= 0) return run();
      cancel = this.#timeline.after(standsForMs, arrive);
      return undefined;
    };
    cancel = this.#timeline.after(delayMs, arrive);
    return () => cancel();
  }

  /** Nothing runs here for that long: a long collection of garbage, a machine that is moved, a laptop that sleeps. */
  pause(forMs: number): void {
    this.#standsUntilMs = Math.max(this.#standsUntilMs, this.#timeline.nowMs + forMs);
  }

  /** Nothing runs here ever again. What it has sent is still under way. */
  crash(): void {
    this.#isGone = true;
    this.#whenGone();
  }
}
