import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CachedValue, CacheMeta, CacheObservation } from "../cache/cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { type Entry, isDead, isExpired, matchesOwnHash } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { type NewestStored, newestStored } from "../store/newest-stored.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import { readWithin } from "../store/read-within.ts";
import type { StorePort } from "../store/store-port.ts";
import type { CacheCircuit } from "./cache-circuit.ts";
import { checkSound } from "./check-sound.ts";
import type { ReadAnswer, ReadPath } from "./read-path.ts";
import type { Durability } from "./write-path.ts";

const RECOVERING =
  "Redis has lost state and is being recovered; this may be older than the last write.";

const BEHIND =
  "The cache does not answer; this is the store's copy and may be behind the last writes.";

/**
 * Redis answers; on a miss the shadow does, and the cache is filled under a lease that any write voids. What counts as
 * a miss: no value, and nothing that says why there is none (a tombstone, an expiry, or a removal that nobody but a
 * person or program can have made).
 */
export class CacheFirstReadPath implements ReadPath {
  readonly #cache: CacheAuthorityPort;
  readonly #circuit: CacheCircuit;
  readonly #store: StorePort;
  readonly #outbox: OutboxPort;
  readonly #clock: Clock;
  readonly #readThrough: boolean;
  readonly #readWhileRecovering: boolean;
  readonly #storeLimitMs: number;

  constructor(parts: {
    readonly cache: CacheAuthorityPort;
    readonly cacheCircuit: CacheCircuit;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly clock: Clock;
    readonly readThrough: boolean;
    /** Whether a cache that has lost state answers before it is recovered. */
    readonly readWhileRecovering: boolean;
    /** How long the store may take to answer a read, milliseconds. */
    readonly storeLimitMs: number;
  }) {
    this.#cache = parts.cache;
    this.#circuit = parts.cacheCircuit;
    this.#store = parts.store;
    this.#outbox = parts.outbox;
    this.#clock = parts.clock;
    this.#readThrough = parts.readThrough;
    this.#readWhileRecovering = parts.readWhileRecovering;
    this.#storeLimitMs = parts.storeLimitMs;
  }

  async read(key: string): Promise<ReadAnswer> {
    try {
      return await this.#read(key);
    } catch (error) {
      const code = LockstepError.codeOf(error);
      if (code === "RECOVERING" && this.#readWhileRecovering) return this.#readLost(key);
      // Also where the cache fell silent half-way, at the lease or the fill.
      if (code !== "CACHE_UNAVAILABLE") throw error;
      return { ...(await this.readStored(key)), warning: BEHIND };
    }
  }

  /** What stands in a cache that waits for its recovery; nothing is filled or stamped there. */
  async #readLost(key: string): Promise<ReadAnswer> {
    const [seen] = (await this.#cache.observe([key], { whenLost: "read" })) as [CacheObservation];
    return { ...(this.#held(seen) ?? (await this.readStored(key))), warning: RECOVERING };
  }

  async readStored(key: string): Promise<ReadAnswer> {
    const stored = await this.#stored(key);
    return answerOf(stored, this.#clock.nowMs());
  }

  async #read(key: string): Promise<ReadAnswer> {
    const whenLost = this.#readWhileRecovering ? "refuse" : "wait";
    const [seen] = (await this.#circuit.call(() => this.#cache.observe([key], { whenLost }))) as [
      CacheObservation,
    ];
    const { meta, value, nowMs } = seen;
    const held = this.#held(seen);
    if (held !== undefined) {
      const isForeign = meta === undefined && value !== undefined;
      return isForeign ? this.#foreignValue(seen, value, held) : held;
    }
    // Somebody removed what was written, which is newer than the write.
    if (meta !== undefined && (await this.#wasRemoved(seen, meta)))
      return { found: false, source: "cache", version: meta.version };
    return this.#readThrough ? this.#miss(key, nowMs) : { found: false, source: "cache" };
  }

  /** What the cache alone says of a key: its value as it stands, or that it is dead. Errors: KEY_WRONG_TYPE, VALUE_NOT_TEXT. */
  #held(seen: CacheObservation): ReadAnswer | undefined {
    const { key, meta, value, foreignType, ttlMs, nowMs } = seen;
    if (meta?.tombstone === true || (meta !== undefined && isExpired(meta.expiresAtMs, nowMs))) {
      return { found: false, source: "cache", version: meta.version };
    }
    if (foreignType !== undefined) {
      throw new LockstepError(
        "KEY_WRONG_TYPE",
        `The key ${JSON.stringify(key)} holds a Redis ${foreignType}, not a string.`,
      );
    }
    if (value === undefined) return undefined;
    if (!value.isText) {
      throw new LockstepError(
        "VALUE_NOT_TEXT",
        `The value of ${JSON.stringify(key)} is not UTF-8 text.`,
      );
    }
    if (meta !== undefined) return this.#hit(seen, value, meta);
    return {
      found: true,
      value: value.text,
      source: "cache",
      version: null,
      expiresAtMs: ttlMs === null ? null : nowMs + ttlMs,
      nowMs,
      durable: null,
    };
  }

  #hit({ markerSeq, nowMs }: CacheObservation, value: CachedValue, meta: CacheMeta): ReadAnswer {
    return {
      found: true,
      value: value.text,
      source: "cache",
      version: meta.version,
      expiresAtMs: meta.expiresAtMs,
      nowMs,
      durable: this.#durabilityOf(markerSeq),
    };
  }

  /** Pinned, a marker says that only the journal surely has the write; unpinned, nothing in the cache can tell. */
  #durabilityOf(markerSeq: number | undefined): Durability | null {
    if (this.#cache.policy?.pinned !== true) return null;
    return markerSeq === undefined ? "shadow" : "journal";
  }

  /** A value that we did not write, or whose meta was evicted: equal to the shadow it is stamped, else served as it stands. */
  async #foreignValue(
    seen: CacheObservation,
    value: CachedValue,
    unversioned: ReadAnswer,
  ): Promise<ReadAnswer> {
    if (seen.markerSeq !== undefined) return unversioned;
    const token = await this.#cache.takeLease(seen.key);
    const shadow = await this.#shadowOrNothing(seen.key);
    if (shadow === undefined || isDead(shadow, seen.nowMs) || shadow.value !== value.text)
      return unversioned;
    if (!matchesOwnHash(shadow)) return unversioned;
    if (token !== undefined) await this.#cache.stamp(shadow, token);
    return {
      found: true,
      value: value.text,
      source: "cache",
      version: shadow.version,
      expiresAtMs: shadow.expiresAtMs,
      nowMs: seen.nowMs,
      durable: "shadow",
    };
  }

  async #wasRemoved({ key, markerSeq }: CacheObservation, meta: CacheMeta): Promise<boolean> {
    return markerSeq !== undefined || (await this.#cache.provesRemoval(key, meta.version));
  }

  /** The lease comes before the look at the shadow: a write in between voids it, and the fill then does nothing. */
  async #miss(key: string, nowMs: number): Promise<ReadAnswer> {
    const token = await this.#cache.takeLease(key);
    const stored = await this.#stored(key);
    const answer = answerOf(stored, nowMs);
    if (answer.found && stored !== undefined && token !== undefined)
      await this.#cache.fill(stored.entry, token);
    return answer;
  }

  #stored(key: string): Promise<NewestStored | undefined> {
    return this.#bounded(newestStored({ store: this.#store, outbox: this.#outbox }, key));
  }

  #shadow(key: string): Promise<Entry | undefined> {
    return this.#bounded(this.#store.get(key));
  }

  #bounded<T>(read: Promise<T>): Promise<T> {
    return readWithin(this.#clock, this.#storeLimitMs, read);
  }

  async #shadowOrNothing(key: string): Promise<Entry | undefined> {
    try {
      return await this.#shadow(key);
    } catch (error) {
      if (LockstepError.codeOf(error) !== "STORE_UNAVAILABLE") throw error;
      return undefined;
    }
  }
}

function answerOf(stored: NewestStored | undefined, nowMs: number): ReadAnswer {
  if (stored === undefined) return { found: false, source: "store" };
  const { entry, from } = stored;
  const { value, version, expiresAtMs } = entry;
  if (value === null || isDead(entry, nowMs)) return { found: false, source: "store", version };
  checkSound(entry);
  return { found: true, value, source: "store", version, expiresAtMs, nowMs, durable: from };
}
