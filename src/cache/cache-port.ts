import type { Random } from "../lib/random.ts";
import type { WriterIds } from "../model/entry.ts";
import type { IdempotencyRecords } from "../model/idempotency.ts";
import type { Version } from "../model/version.ts";

/**
 * What verification and the operators' tools need from any cache: to look, without changing anything.
 *
 * Every method may fail with CACHE_UNAVAILABLE.
 */
export interface CachePort {
  readonly kind: "memory" | "redis";

  /** Resolves if the cache answers a trivial question. */
  ping(): Promise<void>;

  /** All that the cache knows of each key, in the order asked; each key is read atomically. */
  observe(keys: readonly string[]): Promise<readonly CacheObservation[]>;

  /** As {@link observe}, without times to live, which cost the cache more than the rest: for looks at many keys. */
  contents(keys: readonly string[]): Promise<readonly CacheContents[]>;

  /** As {@link contents}, without the values, which are neither moved nor hashed: only how long they are. */
  digests(keys: readonly string[]): Promise<readonly CacheDigest[]>;

  /**
   * How long each key's value has to live, in the order asked, milliseconds: null = no end, undefined = no value. The
   * nearer of the value's own deadline and the cache's.
   */
  timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]>;

  /**
   * One page of the user keys that have anything in the cache: a value of any type, meta (also one that nobody can read), or a marker. A key that is
   * there for the whole scan is seen at least once (unless another program's value becomes ours meanwhile); it may be
   * seen twice. Keys whose names are not UTF-8 are left out. `cursor` undefined = from the start, and in the answer =
   * the end. `prefix` is literal text.
   */
  scan(page: {
    readonly prefix?: string;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<CachePage>;

  /** Changes when the cursors of earlier scans have come to mean nothing, because the cache is another one or has started anew. */
  scanId(): Promise<string>;

  /**
   * Up to `size` different ones of the keys that {@link scan} sees, each of them as likely as any other; all of them where there are no
   * more. Keys of which only a marker is left may be left out.
   */
  sample(request: {
    readonly prefix?: string;
    readonly size: number;
    readonly random: Random;
  }): Promise<CacheSample>;

  /** Keys whose last write the shadow has not had for `olderThanMs`, by the cache's own marks; 0 where the cache keeps none. */
  countPending(olderThanMs: number): Promise<number>;

  /** Bytes the cache uses, by its own account. */
  memoryBytes(): Promise<number>;

  close(): Promise<void>;
}

export interface CachePage {
  readonly keys: readonly string[];
  readonly cursor: string | undefined;
}

export interface CacheSample {
  readonly keys: readonly string[];
  /** How many keys there were to choose from; an estimate unless `keys` are all of them. */
  readonly total: number;
}

/** One key as the cache held it at one instant, without its value. */
export interface CacheDigest
  extends Pick<CacheContents, "key" | "foreignType" | "meta" | "markerSeq" | "nowMs"> {
  /** Length of the plain value in bytes; undefined = there is none. */
  readonly valueBytes: number | undefined;
}

/** One key as the cache held it at one instant. */
export interface CacheContents {
  readonly key: string;
  /** The plain value at the user's key. */
  readonly value: CachedValue | undefined;
  /** The Redis type that stands at the key where it is not a string. */
  readonly foreignType: string | undefined;
  readonly meta: CacheMeta | undefined;
  /** The seq of the key's oldest write that the shadow does not have (the pending marker). */
  readonly markerSeq: number | undefined;
  /** The cache's clock at that instant, milliseconds since 1970. */
  readonly nowMs: number;
}

/** The same, and for how long. */
export interface CacheObservation extends CacheContents {
  /** Time to live of the value as the cache would expire it, milliseconds; null = none. */
  readonly ttlMs: number | null;
  /** The same of the meta beside it: equal as long as only we have set TTLs. */
  readonly metaTtlMs: number | null;
}

export interface CachedValue {
  /** The bytes as text; where they are not UTF-8, {@link isText} is false and this is lossy. */
  readonly text: string;
  readonly isText: boolean;
  /** The bytes themselves where they are not UTF-8, for guards to compare. */
  readonly bytes?: Buffer;
  /** Hex SHA-256 of the bytes. */
  readonly hash: string;
}

/** What the cache remembers of the last write of a key. */
export interface CacheMeta extends WriterIds {
  readonly version: Version;
  /** First half of the value's content hash; empty for a tombstone. */
  readonly shortHash: string;
  readonly expiresAtMs: number | null;
  readonly tombstone: boolean;
  /** The last idempotency keys of the key, all of them. Absent says nothing: the store may know of some. */
  readonly idempotency?: IdempotencyRecords;
}
