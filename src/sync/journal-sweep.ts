import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CacheObservation } from "../cache/cache-port.ts";
import { Flights } from "../lib/flights.ts";
import { shortHash } from "../model/content-hash.ts";
import type { Entry } from "../model/entry.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "./acknowledger.ts";

/** A pending write older than this was left behind by its call, or its process is gone; milliseconds. */
export const SWEEP_AGE_MS = 1000;

/** While the store takes one batch, the next is read from the cache. */
const BATCHES_AT_ONCE = 4;

/**
 * Brings pending writes from the cache into the shadow: those whose call could not reach the store, or whose process
 * died. Members are read and not popped, so a crash repeats work and loses none.
 */
export class JournalSweep {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #acknowledge: Acknowledge;
  readonly #batchSize: number;

  constructor(
    cache: CacheAuthorityPort,
    store: StorePort,
    acknowledge: Acknowledge,
    batchSize: number,
  ) {
    this.#cache = cache;
    this.#store = store;
    this.#acknowledge = acknowledge;
    this.#batchSize = batchSize;
  }

  /** Returns how many keys were brought over. Ends early when `signal` aborts. */
  async run(signal: AbortSignal): Promise<number> {
    // Unpinned there are none, except those from before the policy of a running Redis was changed.
    if (this.#cache.policy === undefined) return 0;
    let synced = 0;
    // Keys that cannot be brought over stay at the front of the order; the sweep steps over them.
    let passedOver = 0;
    const limit = this.#batchSize * BATCHES_AT_ONCE;
    while (!signal.aborted) {
      const page = { ageMs: SWEEP_AGE_MS, limit, offset: passedOver };
      const keys = await this.#cache.pendingOlderThan(page);
      const done = await this.#syncPage(keys);
      synced += done;
      passedOver += keys.length - done;
      if (keys.length < limit) return synced;
    }
    return synced;
  }

  async #syncPage(keys: readonly string[]): Promise<number> {
    const flights = new Flights(BATCHES_AT_ONCE);
    let synced = 0;
    for (let start = 0; start < keys.length; start += this.#batchSize) {
      if (flights.hasFailed) break;
      const batch = keys.slice(start, start + this.#batchSize);
      await flights.begin(async () => {
        const done = await this.syncKeys(batch);
        synced += done;
      });
    }
    await flights.land();
    return synced;
  }

  /** Brings these keys' cached writes into the shadow now, as far as each can be; returns how many could. */
  async syncKeys(keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0;
    const seen = await this.#cache.observe(keys);
    const entries = seen.map(entryOf).filter((entry) => entry !== undefined);
    if (entries.length === 0) return 0;
    await this.#acknowledge(await this.#store.applyNewer(entries, "EVENT_BASED"));
    return entries.length;
  }
}

/**
 * The write that the cache holds. Nothing where the value is absent (someone removed it: never to be taken for a
 * delete), of another type, not text, or not the one that its meta speaks of (someone changed it): verification names
 * those.
 */
export function entryOf({ key, value, meta, foreignType }: CacheObservation): Entry | undefined {
  if (meta === undefined || foreignType !== undefined) return undefined;
  const { version, expiresAtMs, sessionId, interactionId } = meta;
  if (meta.tombstone) {
    if (value !== undefined) return undefined;
    return { key, version, value: null, hash: "", expiresAtMs: null, sessionId, interactionId };
  }
  if (value === undefined || !value.isText || shortHash(value.hash) !== meta.shortHash)
    return undefined;
  return {
    key,
    version,
    value: value.text,
    hash: value.hash,
    expiresAtMs,
    sessionId,
    interactionId,
  };
}
