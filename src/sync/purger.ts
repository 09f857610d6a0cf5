import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import { ALL_BUCKETS } from "../model/bucket.ts";
import type { PurgeLimits, PurgePort } from "../store/purge-port.ts";
import type { StorePort } from "../store/store-port.ts";
import { RestedMarkers } from "./rested-markers.ts";

const LEASE = "purge";

/** How often the dead are looked for, milliseconds. They have been kept for hours by then. */
export const PURGE_INTERVAL_MS = 300_000;

/** Rows in one step: what SQLite deletes in a few milliseconds. */
const BATCH_SIZE = 500;

/** Between two steps, so that a large purge leaves the store to others half of the time; milliseconds. */
const PAUSE_MS = 10;

export interface PurgerParts {
  readonly purge: PurgePort;
  readonly store: Pick<StorePort, "acquireLease">;
  /** Where the cache keeps a journal. */
  readonly journal: Pick<CacheAuthorityPort, "oldestPendingSeqs"> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly intervalMs: number;
}

/**
 * Forgets deleted and expired keys whose grace time is over. An older write that lands after its key's tombstone has
 * gone would bring the key back, so a row stays while anything in its bucket may still hold such a write: a marker, also
 * one that has gone since a statement's life, or an event, also one that was applied, for as long as the outbox keeps it.
 * Whoever has read a write earlier than that no longer sends it. While the cache cannot be asked, nothing is purged.
 *
 * Of all processes on the same store one does it. The lease only saves work: two at once delete the same rows.
 */
export class Purger {
  readonly #parts: PurgerParts;
  readonly #markers: RestedMarkers | undefined;
  readonly #owner: string;
  readonly #loop: WorkerLoop;
  #failing = false;

  constructor(parts: PurgerParts) {
    this.#parts = parts;
    const { journal, clock } = parts;
    this.#markers = journal === undefined ? undefined : new RestedMarkers(journal, clock);
    this.#owner = parts.random.hex(8);
    this.#loop = new WorkerLoop(
      parts.clock,
      parts.intervalMs,
      (signal) => this.#tick(signal),
      "after the interval",
    );
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when the step under way has ended. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Purges until nothing is left that may go, or `signal` aborts; answers how many rows went. Where the cache keeps a
   * journal, the first times only look at it. Errors: STORE_UNAVAILABLE, CACHE_UNAVAILABLE.
   */
  async run(signal: AbortSignal): Promise<number> {
    const { purge, clock } = this.#parts;
    let purged = 0;
    let cursor: string | undefined;
    while (!signal.aborted) {
      // Asked for each step: minutes may lie between the first and the last.
      const within = await this.#limits();
      if (within === undefined) break;
      const page = await purge.purge({
        within,
        limit: BATCH_SIZE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      purged += page.purged;
      cursor = page.cursor;
      if (cursor === undefined) break;
      await clock.sleep(PAUSE_MS, signal);
    }
    return purged;
  }

  /**
   * Markers before events: a write of the journal that becomes an event keeps its marker until the shadow has it, so
   * it is seen in one place or the other. Only the seq of a marker is known, and it may be one of an earlier epoch.
   * Undefined while the journal has not been watched for long enough.
   */
  async #limits(): Promise<readonly PurgeLimits[] | undefined> {
    const { purge } = this.#parts;
    const pendingSeqs = await this.#markers?.oldestSeqs();
    if (this.#markers !== undefined && pendingSeqs === undefined) return undefined;
    const events = await purge.oldestEvents(ALL_BUCKETS);
    return ALL_BUCKETS.map((bucket) => ({
      bucket,
      belowVersion: events[bucket],
      belowSeq: pendingSeqs?.get(bucket),
    }));
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { store, clock, log, intervalMs } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      // Outlasts the pause between two purges, so its holder keeps it while it lives.
      if (!(await store.acquireLease(LEASE, this.#owner, Math.round(intervalMs * 1.5)))) return;
      const rows = await this.run(signal);
      const tookMs = clock.monotonicMs() - startedMs;
      if (rows > 0) log.info({ rows, tookMs }, "Purged keys that were deleted or had expired");
      this.#failing = false;
    } catch (error) {
      // One line per outage, not one per tick.
      if (!this.#failing && !signal.aborted) {
        log.warn({ err: error }, "Nothing can be purged now; it is tried again every few minutes");
      }
      this.#failing = true;
    }
  }
}
