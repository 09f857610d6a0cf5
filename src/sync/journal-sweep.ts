import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CacheContents } from "../cache/cache-port.ts";
import { BatchSizer } from "../lib/batch-sizer.ts";
import type { Clock } from "../lib/clock.ts";
import { Flights } from "../lib/flights.ts";
import { shortHash } from "../model/content-hash.ts";
import type { Entry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import { beginLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "./acknowledger.ts";
import { applyEntries, isRefusal } from "./apply-around-refusals.ts";

/** A pending write older than this was left behind by its call, or its process is gone; milliseconds. */
export const SWEEP_AGE_MS = 1000;

const BATCHES_AT_ONCE = 4;

/** So many batches' keys are asked for together: after each page the sweep waits for all that is under way. */
const BATCHES_A_PAGE = 16;

/** What one batch may hold of values, as far as its size can be foreseen. */
const BATCH_BYTES_MAX = 4_000_000;

/** Keys of refused writes that are remembered at most. */
const HANDED_OVER_MAX = 10_000;

/**
 * Brings pending writes from the cache into the shadow: those whose call could not reach the store, or whose process
 * died. Members are read and not popped, so a crash repeats work and loses none.
 */
export class JournalSweep {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #outbox: OutboxPort;
  readonly #acknowledge: Acknowledge;
  readonly #clock: Clock;
  readonly #batchSize: number;
  /** Writes that the store refuses and for which an event stands now, by key: that event is tried from then on. */
  readonly #handedOver = new Map<string, Version>();

  constructor(parts: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly acknowledge: Acknowledge;
    readonly clock: Clock;
    readonly batchSize: number;
  }) {
    this.#cache = parts.cache;
    this.#store = parts.store;
    this.#outbox = parts.outbox;
    this.#acknowledge = parts.acknowledge;
    this.#clock = parts.clock;
    this.#batchSize = parts.batchSize;
  }

  /** Returns how many keys were brought over. Ends early when `signal` aborts. */
  async run(signal: AbortSignal): Promise<number> {
    // Unpinned there are none, except those from before the policy of a running Redis was changed.
    if (this.#cache.policy === undefined) return 0;
    let synced = 0;
    // Keys that cannot be brought over stay at the front of the order; the sweep steps over them.
    let passedOver = 0;
    const limit = this.#batchSize * BATCHES_A_PAGE;
    const sizer = new BatchSizer({ itemsMax: this.#batchSize, bytesMax: BATCH_BYTES_MAX });
    while (!signal.aborted) {
      const page = { ageMs: SWEEP_AGE_MS, limit, offset: passedOver };
      const keys = await this.#cache.pendingOlderThan(page);
      const done = await this.#syncPage(keys, sizer);
      synced += done;
      passedOver += keys.length - done;
      if (keys.length < limit) return synced;
    }
    return synced;
  }

  /** While the store takes one batch, the next is read from the cache. */
  async #syncPage(keys: readonly string[], sizer: BatchSizer): Promise<number> {
    const flights = new Flights(BATCHES_AT_ONCE);
    let synced = 0;
    let start = 0;
    try {
      while (start < keys.length && !flights.hasFailed) {
        const batch = keys.slice(start, start + sizer.items);
        const life = beginLife(this.#clock);
        const seen = await this.#cache.contents(batch);
        sizer.saw(batch.length, bytesOf(seen));
        start += batch.length;
        await flights.begin(async () => {
          const done = await this.#sync(seen, life);
          synced += done;
        });
      }
    } finally {
      await flights.land();
    }
    return synced;
  }

  /** Brings cached writes into the shadow, as far as each can be; returns how many could. */
  async #sync(seen: readonly CacheContents[], life: StatementLife): Promise<number> {
    const entries = seen
      .map(entryOf)
      .filter((entry) => entry !== undefined)
      .filter(({ key, version }) => this.#handedOver.get(key) !== version);
    if (entries.length === 0) return 0;
    const { versions, refused } = await applyEntries(this.#store, entries, life);
    await this.#acknowledge(versions);
    for (const entry of entries) if (refused.has(entry.key)) await this.#handOver(entry, life);
    return versions.size;
  }

  /** What the store refuses becomes an event, so that it is counted, parked and shown like any other. The marker stays. */
  async #handOver(entry: Entry, life: StatementLife): Promise<void> {
    const { key, version } = entry;
    const events = (await this.#outbox.unprocessedOf([key])).get(key) ?? [];
    if (!events.some((event) => event.entry.version >= version)) {
      try {
        await this.#outbox.append([entry], life);
      } catch (error) {
        // Refused there too: it stays in the journal, where verification finds it overdue.
        if (!isRefusal(error)) throw error;
      }
    }
    // Forgetting only repeats an attempt.
    if (this.#handedOver.size >= HANDED_OVER_MAX) this.#handedOver.clear();
    this.#handedOver.set(key, version);
  }
}

/**
 * The write that the cache holds. Nothing where the value is absent (someone removed it: never to be taken for a
 * delete), of another type, not text, or not the one that its meta speaks of (someone changed it): verification names
 * those.
 */
export function entryOf({ key, value, meta, foreignType }: CacheContents): Entry | undefined {
  if (meta === undefined || foreignType !== undefined) return undefined;
  const { shortHash: cachedHash, tombstone, ...written } = meta;
  if (tombstone) {
    return value === undefined ? { ...written, key, value: null, hash: "" } : undefined;
  }
  if (value === undefined || !value.isText || shortHash(value.hash) !== cachedHash)
    return undefined;
  return { ...written, key, value: value.text, hash: value.hash };
}

function bytesOf(seen: readonly CacheContents[]): number {
  return seen.reduce((bytes, { value }) => bytes + (value?.text.length ?? 0), 0);
}
