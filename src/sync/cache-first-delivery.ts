import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Route } from "../kv/write-path.ts";
import type { Clock } from "../lib/clock.ts";
import { type Bounded, within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import type { Entry, SyncMethod } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { StoreCircuit } from "./store-circuit.ts";
import type { SyncPool } from "./sync-pool.ts";
import type { SyncStats } from "./sync-stats.ts";

/** How long telling the cache may add to a call whose write is already durable, milliseconds. */
const TELL_LIMIT_MS = 250;

export interface Delivered {
  readonly method: SyncMethod;
  readonly durable: "shadow" | "outbox" | "journal";
}

export interface CacheFirstDeliveryParts {
  readonly cache: CacheAuthorityPort;
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when an event was appended, so that it need not wait for the next tick. */
  readonly onEvent: () => void;
  /** Limit of one attempt to reach the store, milliseconds. */
  readonly syncTimeoutMs: number;
}

/**
 * Makes a write durable that the cache has just minted. The order is always: landed, then the cache is told, then the
 * caller. Only the shadow clears a marker: an event that is appended changes what the caller hears and nothing else,
 * or the value could be evicted while a reader still gets the older shadow.
 */
export class CacheFirstDelivery {
  readonly #parts: CacheFirstDeliveryParts;

  constructor(parts: CacheFirstDeliveryParts) {
    this.#parts = parts;
  }

  deliver(entry: Entry, pinned: boolean, route: Route): Promise<Delivered> {
    return pinned ? this.#pinned(entry, route) : this.#unpinned(entry, route);
  }

  async #pinned(entry: Entry, route: Route): Promise<Delivered> {
    if (route === "event") {
      const appended = await this.#append(entry);
      return { method: "EVENT_BASED", durable: appended.outcome === "done" ? "outbox" : "journal" };
    }
    const landed = await this.#applyDirect(
      entry,
      (version) => void this.#acknowledge(entry, version),
    );
    // The marker is the event: the outbox lives on the server that has just failed to answer.
    if (landed.outcome !== "done") return { method: "EVENT_BASED", durable: "journal" };
    if ((await this.#acknowledge(entry, landed.value)) === "dropped") {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        "The store already has a newer write of this key than the cache; the copy was dropped.",
      );
    }
    return { method: "ASYNC_THREAD", durable: "shadow" };
  }

  async #unpinned(entry: Entry, route: Route): Promise<Delivered> {
    // What the store has not used of the call's time is the cache's: a write that is durable should not become unknown
    // because this process or Redis stood still for a moment.
    const { clock, syncTimeoutMs } = this.#parts;
    const deadlineMs = clock.monotonicMs() + 2 * syncTimeoutMs + TELL_LIMIT_MS;
    let mayHaveLanded = false;
    if (route === "direct") {
      const landed = await this.#applyDirect(
        entry,
        (version) => void this.#settleLate(entry, version),
      );
      if (landed.outcome === "done") {
        await this.#tell(deadlineMs, () => this.#parts.cache.settle(entry.key, landed.value));
        return { method: "ASYNC_THREAD", durable: "shadow" };
      }
      mayHaveLanded = isUnclear(landed);
    }
    const appended = await this.#append(entry, () => void this.#settleLate(entry, entry.version));
    if (appended.outcome === "done") {
      await this.#tell(deadlineMs, () => this.#parts.cache.settle(entry.key, entry.version));
      return { method: "EVENT_BASED", durable: "outbox" };
    }
    await this.#tell(deadlineMs, () => this.#parts.cache.withdraw(entry.key, entry.version));
    if (mayHaveLanded || isUnclear(appended)) {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        "The store's answer did not come, and the cache may not hold the write alone.",
      );
    }
    throw new LockstepError(
      "STORE_UNAVAILABLE",
      "The store refused the write, and the cache may not hold it alone.",
    );
  }

  async #applyDirect(entry: Entry, onLate: (version: Version) => void) {
    const { pool, circuit, store, stats, syncTimeoutMs, log } = this.#parts;
    const apply = async (): Promise<Version> => {
      const versions = await store.applyNewer([entry], "ASYNC_THREAD");
      return versions.get(entry.key) ?? entry.version;
    };
    const landed = await circuit.run(() => pool.run(apply, { limitMs: syncTimeoutMs, onLate }));
    stats.directSync(landed.outcome === "done" ? "landed" : "failed");
    if (landed.outcome === "failed")
      log.debug({ err: landed.error, key: entry.key }, "Direct sync failed");
    return landed;
  }

  async #append(entry: Entry, onLate?: () => void): Promise<Bounded<void>> {
    const { outbox, circuit, clock, syncTimeoutMs, onEvent, log } = this.#parts;
    const appended = await circuit.run(async () => {
      const work = outbox.append([entry]);
      const answer = await within(clock, syncTimeoutMs, work);
      if (answer.outcome === "timed_out") work.then(onLate, () => undefined);
      return answer;
    });
    if (appended.outcome === "done") onEvent();
    if (appended.outcome === "failed")
      log.debug({ err: appended.error, key: entry.key }, "Outbox append failed");
    return appended;
  }

  /**
   * Pinned: the shadow has `version`. A cache that does not answer now keeps its marker, and the sweep acknowledges
   * later; the write is durable either way.
   */
  async #acknowledge(entry: Entry, version: Version): Promise<"dropped" | "other"> {
    const { cache, clock, log } = this.#parts;
    const told = await within(
      clock,
      TELL_LIMIT_MS,
      cache.acknowledge([{ key: entry.key, version }]),
    );
    if (told.outcome !== "done") {
      log.debug(
        { key: entry.key, outcome: told.outcome },
        "The cache was not told of a synced write; the sweep will",
      );
    }
    return told.outcome === "done" && told.value[0] === "dropped" ? "dropped" : "other";
  }

  /**
   * Unpinned: the cache must hear of it before the caller does, or a reader could fill what it read of the shadow
   * earlier. A cache that cannot be told leaves the caller with an unknown outcome.
   */
  async #tell(deadlineMs: number, step: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#parts;
    const told = await within(clock, deadlineMs - clock.monotonicMs(), step());
    if (told.outcome === "done") return;
    throw new LockstepError(
      "UNKNOWN_OUTCOME",
      "The cache stopped answering before it could be told of the write.",
      told.outcome === "failed" ? { cause: told.error } : {},
    );
  }

  /** Unpinned: a write that landed after its call had failed still owes the cache its settling. */
  async #settleLate(entry: Entry, version: Version): Promise<void> {
    try {
      await this.#parts.cache.settle(entry.key, version);
    } catch (error) {
      this.#parts.log.warn(
        { err: error, key: entry.key },
        "A late write could not be settled in the cache",
      );
    }
  }
}

/** Whether the step may have been taken although nobody said so. */
function isUnclear(answer: Bounded<unknown>): boolean {
  if (answer.outcome === "failed") return LockstepError.codeOf(answer.error) === "UNKNOWN_OUTCOME";
  return answer.outcome === "timed_out";
}
