import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import type { StorePort } from "../store/store-port.ts";
import type { CacheVerifier, SyncReport } from "./cache-verifier.ts";

const LEASE = "health-check";

/** What came of one check: a report, or the error that kept it from being made. */
export interface CheckedHealth {
  readonly atMs: number;
  readonly tookMs: number;
  readonly came: { readonly report: SyncReport } | { readonly error: unknown };
}

/** Hears what came of each check; must return at once and not fail. */
export interface HealthListener {
  /** `lease`: unknown = the store did not say whether this process is the one that checks, and the check came to nothing. */
  checked(checked: CheckedHealth, lease: "held" | "unknown"): void;
  /** Another process checks. */
  leftToAnother(): void;
}

/**
 * Verifies everything every interval and logs the result. Of all processes on the same store one does it: the lease
 * outlasts the pause between two checks, so its holder keeps it while it lives.
 */
export class HealthCheck {
  readonly #verifier: CacheVerifier;
  readonly #store: StorePort;
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #keep: (checked: CheckedHealth) => Promise<void>;
  readonly #listener: HealthListener | undefined;
  readonly #owner: string;
  readonly #loop: WorkerLoop;
  #keeping: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly verifier: CacheVerifier;
    readonly store: StorePort;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly intervalMs: number;
    /** Where results go beside the log. */
    readonly keep?: (checked: CheckedHealth) => Promise<void>;
    readonly listener?: HealthListener | undefined;
  }) {
    this.#verifier = parts.verifier;
    this.#store = parts.store;
    this.#log = parts.log;
    this.#intervalMs = parts.intervalMs;
    this.#clock = parts.clock;
    this.#keep = parts.keep ?? (async () => undefined);
    this.#listener = parts.listener;
    this.#owner = parts.random.hex(8);
    // A check at start-up would slow every short-lived process down.
    this.#loop = new WorkerLoop(
      parts.clock,
      parts.intervalMs,
      async (signal) => void (await this.#check(signal)),
      "after the interval",
    );
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#keeping;
  }

  /** One check now, if this process may do it. */
  async run(signal: AbortSignal): Promise<"done" | "left_to_another"> {
    const outcome = await this.#check(signal);
    await this.#keeping;
    return outcome;
  }

  /** What has been found is kept beside the loop: a store that is slow to take it must not make the next check late. */
  async #check(signal: AbortSignal): Promise<"done" | "left_to_another"> {
    const [atMs, startedMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    let came: CheckedHealth["came"];
    let lease: "held" | "unknown" = "unknown";
    try {
      const mine = await this.#store.acquireLease(
        LEASE,
        this.#owner,
        Math.round(this.#intervalMs * 1.5),
      );
      if (!mine) {
        this.#listener?.leftToAnother();
        return "left_to_another";
      }
      lease = "held";
      const report = await this.#verifier.verify({ signal });
      came = { report };
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
      if (signal.aborted) return "done";
      this.#log.error({ err: error }, "Error during scheduled sync health check");
      came = { error };
    }
    const tookMs = this.#clock.monotonicMs() - startedMs;
    this.#listener?.checked({ atMs, tookMs, came }, lease);
    this.#keeping = this.#keep({ atMs, tookMs, came }).catch((error: unknown) => {
      // What it says is in the log already.
      this.#log.debug({ err: error }, "The result of a health check could not be kept");
    });
    return "done";
  }
}
