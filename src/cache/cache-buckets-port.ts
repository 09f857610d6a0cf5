import type { Version } from "../model/version.ts";
import type { RowVersion } from "../store/bucket-states-port.ts";

/**
 * The buckets of a cache that decides, for recovery: a restart, a failover or a flush may take the last writes from it.
 * Every step that changes something is conditional on the state of the bucket as it was found, and on the server being
 * the same as then: "moved" where either has changed, so that someone else has recovered it or must begin anew.
 *
 * Errors: CACHE_UNAVAILABLE, STORE_MISMATCH, STORE_UNAVAILABLE (tied to no store yet).
 */
export interface CacheBucketsPort {
  /**
   * What is to be done about a bucket that has lost its state. The steps of the authority that meet one wait for it, and
   * are then taken again; where it fails, they fail as it does. Without it, and where the bucket does not work
   * afterwards either, they fail with RECOVERING.
   */
  onLost(recover: (bucket: number) => Promise<void>): void;

  /**
   * The buckets as they are now, in the order asked; all of them, in their order, where none are named. One that names no
   * store is first tied to the store of {@link CacheAuthorityPort.bindStore}.
   */
  states(buckets?: readonly number[]): Promise<readonly CacheBucket[]>;

  /** Drops, marker included, each cached copy that is older than its shadow entry. One without meta counts as older. */
  dropOlder(
    found: CacheBucket,
    rows: readonly RowVersion[],
  ): Promise<readonly LostCopy[] | "moved">;

  /**
   * Takes the copies of these keys, marker included, out of use. Their values are kept under another name for the
   * grace time, for a person to look at.
   */
  setAside(found: CacheBucket, keys: readonly string[]): Promise<readonly LostCopy[] | "moved">;

  /**
   * The bucket works again, under the server's present incarnation and this epoch, or the one that was found where that
   * is higher. Versions go on above the last one that is known.
   */
  install(found: CacheBucket, epoch: number): Promise<"installed" | "moved">;
}

/** The state of a bucket as it was found. */
export interface CacheBucket {
  readonly bucket: number;
  /** Whether it was written by the server as it is now, so that steps are taken in it. */
  readonly isCurrent: boolean;
  /** Names the server as it is now: another one after each restart and promotion. */
  readonly incarnation: string;
  readonly epoch: number | undefined;
  /** The last version that was minted here, as far as the cache still knows; undefined = it knows nothing. */
  readonly lastVersion: Version | undefined;
  /**
   * The `seq` of the last write that was minted here without a marker, which may have been evicted before the store had
   * it; undefined = none, as far as the cache still knows. What another hand has made of it counts as the last of all.
   */
  readonly lastUnpinnedSeq: number | undefined;
  /** Says which state it was, and on which server. */
  readonly token: string;
}

/** A copy that recovery has taken out. */
export interface LostCopy {
  readonly key: string;
  /** Undefined where it had no meta. */
  readonly version: Version | undefined;
}
