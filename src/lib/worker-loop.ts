import type { Clock } from "./clock.ts";

/**
 * Runs one step again and again: every `intervalMs`, and at once when nudged. Steps never overlap; a nudge during a
 * step means one more step right after it. A step must not fail: it reports its own errors.
 */
export class WorkerLoop {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #step: (signal: AbortSignal) => Promise<void>;
  readonly #begins: "at once" | "after the interval";
  readonly #stopped = new AbortController();
  #nudged = new AbortController();
  #running: Promise<void> | undefined;

  /** `begins`: when the first step is, unless nudged; at once unless told. What is not urgent leaves the start of a process alone. */
  constructor(
    clock: Clock,
    intervalMs: number,
    step: (signal: AbortSignal) => Promise<void>,
    begins: "at once" | "after the interval" = "at once",
  ) {
    this.#begins = begins;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#step = step;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  nudge(): void {
    // With a reason, because without one each nudge makes an error, stack and all.
    this.#nudged.abort("nudged");
  }

  /** Resolves when the step under way has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#nudged.abort("stopped");
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    if (this.#begins === "after the interval") await this.#pause();
    while (!signal.aborted) {
      this.#nudged = new AbortController();
      await this.#step(signal);
      await this.#pause();
    }
  }

  /** Stopping nudges too, so that this ends at once. */
  #pause(): Promise<void> {
    return this.#clock.sleep(this.#intervalMs, this.#nudged.signal);
  }
}
