import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import type { StorePort } from "../store/store-port.ts";
import type { CacheVerifier } from "./cache-verifier.ts";

const LEASE = "health-check";

/**
 * Verifies everything every interval and logs the result. Of all processes on the same store one does it: the lease
 * outlasts the pause between two checks, so its holder keeps it while it lives.
 */
export class HealthCheck {
  readonly #verifier: CacheVerifier;
  readonly #store: StorePort;
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #owner: string;
  readonly #loop: WorkerLoop;

  constructor(parts: {
    readonly verifier: CacheVerifier;
    readonly store: StorePort;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly intervalMs: number;
  }) {
    this.#verifier = parts.verifier;
    this.#store = parts.store;
    this.#log = parts.log;
    this.#intervalMs = parts.intervalMs;
    this.#owner = parts.random.hex(8);
    // A check at start-up would slow every short-lived process down.
    this.#loop = new WorkerLoop(
      parts.clock,
      parts.intervalMs,
      async (signal) => void (await this.run(signal)),
      "after the interval",
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** One check now, if this process may do it. */
  async run(signal: AbortSignal): Promise<"done" | "left_to_another"> {
    try {
      const mine = await this.#store.acquireLease(
        LEASE,
        this.#owner,
        Math.round(this.#intervalMs * 1.5),
      );
      if (!mine) return "left_to_another";
      const report = await this.#verifier.verify({ signal });
      if (report.healthy) {
        this.#log.info(
          { keysChecked: report.keysChecked, tookMs: report.tookMs },
          "Cache sync verification completed. Health: HEALTHY",
        );
      } else {
        const { counts, mismatches, unprocessedOutboxEvents } = report;
        const found = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
        const summary = JSON.stringify({
          counts: found,
          unprocessedOutboxEvents,
          firstKeys: mismatches.slice(0, 5),
        });
        this.#log.warn({ counts: found }, `Cache sync health check failed: ${summary}`);
      }
    } catch (error) {
      if (!signal.aborted)
        this.#log.error({ err: error }, "Error during scheduled sync health check");
    }
    return "done";
  }
}
