import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../src/lib/clock.ts";

/**
 * What runs without a wait may still take some turns of the event loop: each commit of a SQLite file ends one. A whole
 * cycle of the projector takes about ten.
 */
const SETTLING_TURNS = 20;

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * A clock that moves only when told. `advance` wakes sleepers in the order of their time, and lets
 * the woken code run, and perhaps sleep again, before it goes on to the next one.
 */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor({ nowMs = Date.UTC(2026, 0, 1) }: { nowMs?: number } = {}) {
    this.#wallMs = nowMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#monotonicMs + Math.max(0, ms), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** How many sleeps have not ended yet. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Moves both clocks on by `ms`. What is due in between sees its own time, not the end. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const next = this.#firstDue(endMs);
      if (next === undefined) break;
      this.#moveTo(next.dueMs);
      next.wake();
      await settled();
    }
    this.#moveTo(endMs);
    await settled();
  }

  /** Sets the wall clock as an operator or NTP would; sleepers and monotonic time do not notice. */
  setWallClock(nowMs: number): void {
    this.#wallMs = nowMs;
  }

  /** Lets other code run until `count` sleeps are waiting, so that an `advance` reaches them. */
  async untilSleeping(count = 1): Promise<void> {
    for (let turns = 0; this.#sleepers.size < count; turns += 1) {
      if (turns === 10_000) {
        throw new Error(`Only ${this.#sleepers.size} of ${count} sleeps have begun.`);
      }
      await nextTurn();
    }
  }

  #firstDue(endMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueMs > endMs) continue;
      if (first === undefined || sleeper.dueMs < first.dueMs) first = sleeper;
    }
    return first;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < SETTLING_TURNS; turns += 1) await nextTurn();
}
