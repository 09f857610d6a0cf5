import type { Entry } from "../model/entry.ts";
import type { IdempotencyRecords } from "../model/idempotency.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { WriteRefusal } from "../model/write-condition.ts";
import type { CacheBucketsPort } from "./cache-buckets-port.ts";
import type { CacheObservation, CachePort } from "./cache-port.ts";

/**
 * A cache that mints versions and decides writes (Redis). Each method is one atomic step per key.
 *
 * *Pinned* (the eviction policy never drops a key without TTL): an unsynced write is held by the cache, marked as
 * pending, until {@link acknowledge}. *Unpinned*: the cache may drop anything, so there are no markers, and
 * {@link settle} does that duty before a caller is told.
 *
 * Errors: CACHE_UNAVAILABLE (nothing is known of the step; a write did not happen), OVERLOADED (a write, which did not
 * happen: the memory is full), UNKNOWN_OUTCOME (a write that was sent and not answered), KEY_WRONG_TYPE
 * (an observation that cannot be compared), STORE_MISMATCH, STORE_UNAVAILABLE (tied to no store yet), RECOVERING (it has
 * lost state; nothing was done).
 */
export interface CacheAuthorityPort extends CachePort {
  readonly kind: "redis";

  /** What recovery needs, after the cache has lost state. */
  readonly buckets: CacheBucketsPort;

  /** How the server is set up, as last seen; undefined before the first connection. */
  readonly policy: CachePolicy | undefined;

  /** Asks the server anew how it is set up. */
  refreshPolicy(): Promise<CachePolicy>;

  /** As {@link CachePort.observe}. A bucket that has lost its state is waited for unless told otherwise. */
  observe(
    keys: readonly string[],
    options?: { readonly whenLost?: WhenLost },
  ): Promise<readonly CacheObservation[]>;

  /**
   * Ties this cache to a store, for good; without an id (the store does not answer), finds the store that it is tied to.
   * "free": it is tied to none, so nothing can be written yet. Error: STORE_MISMATCH if it belongs to another store.
   */
  bindStore(storeId: string | undefined): Promise<"bound" | "free">;

  /**
   * Mints a version above every earlier one of the key's bucket, marks the key pending (pinned), then writes value and
   * meta without TTL and voids any fill lease. With `guard`, only if the key is still as it was observed; whoever sends
   * one has looked further than the cache can, so idempotency is not judged again. The command's condition always is.
   */
  write(command: WriteCommand, guard?: CopyGuard): Promise<CacheWrite>;

  /**
   * Pinned: tells the cache which version the shadow has now. Equal to the copy's: the copy is clean (TTLs, marker
   * gone). Copy newer: the marker moves up. Copy older: it is dropped with its marker. No copy: a marker that is not
   * newer goes; a value without meta goes if the version is of an earlier epoch than the cache's. Voids the lease. Each key
   * once.
   */
  acknowledge(acks: readonly Acknowledgement[]): Promise<readonly AckOutcome[]>;

  /**
   * Unpinned: shadow or outbox has this version. Voids the lease; equal copy: clean; older copy, or a value without
   * meta: dropped; newer: left.
   */
  settle(key: string, version: Version): Promise<SettleOutcome>;

  /**
   * Unpinned: neither shadow nor outbox took this version. Voids the lease and drops the copy if it is this version or
   * has no meta. Kept where the key has a marker, which is from before the policy was changed: the copy has replaced a
   * write that was acknowledged from the journal, and is all that is left of the key.
   */
  withdraw(key: string, version: Version): Promise<"withdrawn" | "kept">;

  /**
   * Takes the key's fill lease (3 s): a token, or undefined while another holds it or the cache is full. `fromHolder`
   * takes it from whoever holds it, whose fill or guarded write then does nothing. It ends when the cache loses state.
   */
  takeLease(key: string, options?: { readonly fromHolder?: boolean }): Promise<string | undefined>;

  /**
   * Puts a shadow entry into the cache as a clean copy, if the lease is still held, the key is absent, no marker and no newer
   * meta exists, the entry is alive by the cache's clock, and the cache is not full.
   */
  fill(entry: Entry, token: string): Promise<"filled" | "skipped">;

  /** Gives a value that has no meta the meta of an equal shadow entry, if lease, value and absence of meta and marker still hold. */
  stamp(entry: Entry, token: string): Promise<"stamped" | "skipped">;

  /** Drops copy and meta (never a value of another type), and the marker where `marker` says so, if all is still as observed. */
  drop(seen: CacheObservation, what: DropScope): Promise<"dropped" | "moved">;

  /**
   * Keys with a marker older than `ageMs`, oldest first: `limit` of them after the first `offset`. A marker that lies
   * further than that in the future counts as old, and comes last: the server's clock has gone back, and nobody knows its age.
   */
  pendingOlderThan(page: {
    readonly ageMs: number;
    readonly limit: number;
    readonly offset?: number;
  }): Promise<readonly string[]>;

  /** The seq of each bucket's oldest marker; buckets without any are left out. */
  oldestPendingSeqs(): Promise<ReadonlyMap<number, number>>;

  /** Whether the value of a key whose meta has this version, if it is gone, can only have been removed by someone: nothing was ever evicted here, and this run wrote it. */
  provesRemoval(key: string, version: Version): Promise<boolean>;

  /** How full the cache is, and of what. A bounded number of small commands, whatever it holds. */
  measure(): Promise<CacheFill>;
}

/** Undefined is what the cache does not tell. */
export interface CacheFill {
  /** Bytes in use that count towards the limit. */
  readonly usedBytes: number | undefined;
  /** Where the cache has to refuse writes, or to evict. */
  readonly limitBytes: number | undefined;
  /** Of those in use, what it cannot let go; undefined too where it may let go of anything. Under volatile-* an estimate. */
  readonly heldBytes: number | undefined;
  /** Keys with a write that the shadow does not have. */
  readonly pendingKeys: number;
  /** What those take, an estimate from some of them. */
  readonly pendingBytes: number;
  /** How long the oldest of those writes has waited by the cache's clock, milliseconds; null = there is none. */
  readonly oldestPendingMs: number | null;
}

/**
 * What to do with a bucket that has lost its state: wait for its recovery; refuse at once with RECOVERING, while it goes on; or
 * read what stands there, which may be older than what was acknowledged.
 */
export type WhenLost = "wait" | "refuse" | "read";

export interface CachePolicy {
  readonly maxmemoryPolicy: string;
  readonly maxmemoryBytes: number;
  readonly pinned: boolean;
  /** How unsynced writes survive a restart of the cache. */
  readonly persistence: "none" | "rdb" | "aof-everysec" | "aof-always" | "aof-no" | "unknown";
  readonly serverVersion: string;
  /** Whether the server tells who it is (INFO), so that a restart that kept old data is noticed. */
  readonly showsIncarnation: boolean;
  /** Keys that this run of the server has evicted so far. */
  readonly evictedKeys: number;
}

/** The key must still look like this; a key without meta also needs the fill lease. */
export interface CopyGuard {
  readonly seen: CacheObservation;
  readonly token?: string;
  /** What the store remembers of the key's idempotency keys, where the meta remembers none. */
  readonly idempotency?: IdempotencyRecords;
}

export type DropScope = "copy" | "copy_and_marker" | "marker";

export interface Acknowledgement {
  readonly key: string;
  /** The version that the shadow has now. */
  readonly version: Version;
}

/** `clean`: the copy was this version. `newer`: the copy is ahead. `dropped`: the copy was behind. `absent`: there was no meta. */
export type AckOutcome = "clean" | "newer" | "dropped" | "absent";
export type SettleOutcome = "clean" | "newer" | "dropped";

export type CacheWrite =
  | {
      readonly outcome: "written";
      readonly entry: Entry;
      /** Whether a live value stood there before; undefined where the cache cannot know, because it held nothing of the key. */
      readonly existed: boolean | undefined;
      /** Whether the write is held and marked until the shadow has it. */
      readonly pinned: boolean;
    }
  | {
      /** The write with this idempotency key was made before; nothing was written now. */
      readonly outcome: "repeated";
      /** That write: its version, with what this command has written again. */
      readonly entry: Entry;
      /** Pinned: whether the shadow may still lack it. */
      readonly isPending: boolean;
      readonly pinned: boolean;
    }
  | WriteRefusal
  /** No meta, or none that says enough, so the cache alone cannot judge condition or idempotency. Nothing was written. */
  | { readonly outcome: "cold" }
  | { readonly outcome: "moved" };
