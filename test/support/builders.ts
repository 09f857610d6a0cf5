import type { CacheMeta, CacheObservation } from "../../src/cache/cache-port.ts";
import { contentHash, shortHash } from "../../src/model/content-hash.ts";
import type { Entry, ShadowEntry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { OutboxEvent } from "../../src/store/outbox-port.ts";
import type { Look } from "../../src/verify/classify.ts";
import { entryOf, WRITTEN_MS } from "../contract/entries.ts";

/** A look at a key at {@link NOW_MS}, of which nothing is known on either side unless told. */
export function lookOf(
  wanted: {
    readonly cache?: Partial<CacheObservation>;
    readonly events?: readonly OutboxEvent[];
    readonly shadow?: ShadowEntry;
    readonly removalProven?: boolean;
  } = {},
): Look {
  return {
    cache: observationOf(wanted.cache),
    events: wanted.events ?? [],
    shadow: wanted.shadow,
    removalProven: wanted.removalProven ?? false,
  };
}

/** The time of every observation that is built here: a minute after the entries were written. */
export const NOW_MS = WRITTEN_MS + 60_000;

export function observationOf(wanted: Partial<CacheObservation> = {}): CacheObservation {
  return {
    key: "user:1",
    value: undefined,
    foreignType: undefined,
    meta: undefined,
    markerSeq: undefined,
    ttlMs: null,
    metaTtlMs: null,
    nowMs: NOW_MS,
    ...wanted,
  };
}

/** What the cache shows of a text. */
export function cachedText(text: string): NonNullable<CacheObservation["value"]> {
  return { text, isText: true, hash: contentHash(text) };
}

/** The meta that belongs to an entry. */
export function metaOf({ version, hash, value, expiresAtMs }: Entry): CacheMeta {
  return {
    version,
    shortHash: shortHash(hash),
    expiresAtMs,
    tombstone: value === null,
    sessionId: null,
    interactionId: null,
  };
}

/** Value and meta as the cache holds them of an entry. */
export function copyOf(entry: Entry): Partial<CacheObservation> {
  return {
    key: entry.key,
    value: entry.value === null ? undefined : cachedText(entry.value),
    meta: metaOf(entry),
  };
}

/** The row of an entry; `hash` may be told wrong, as a hand at the table leaves it. */
export function shadowOf(wanted: Partial<Entry> = {}): ShadowEntry {
  const { hash, ...rest } = wanted;
  const entry = entryOf(rest);
  return {
    ...entry,
    hash: hash ?? entry.hash,
    syncMethod: "ASYNC_THREAD",
    syncedAtMs: WRITTEN_MS,
  };
}

export function eventOf(entry: Entry, id = "1"): OutboxEvent {
  return { id, entry, attempts: 0 };
}

export const storeDown = (): LockstepError =>
  new LockstepError("STORE_UNAVAILABLE", "The store refused the connection.");

export const cacheDown = (): LockstepError =>
  new LockstepError("CACHE_UNAVAILABLE", "Redis does not answer.");
