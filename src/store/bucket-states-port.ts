import type { Version } from "../model/version.ts";

/** What the store keeps of one bucket for the sake of a cache that may lose its state. */
export interface BucketState {
  /** Raised whenever a cache has lost state: whatever is minted under a higher epoch is newer than all before. */
  readonly epoch: number;
  /** The incarnation of the cache for which it was raised last; undefined = it never was. */
  readonly raisedFor: string | undefined;
  /** The highest version of any row that was purged; undefined = none ever was. */
  readonly highestPurged: Version | undefined;
}

/** A row as recovery needs to know it. */
export interface RowVersion {
  readonly key: string;
  readonly version: Version;
}

/**
 * The epochs, and what recovery asks of the shadow. Every method may fail with STORE_UNAVAILABLE: what it was to change
 * has surely not been changed; only {@link BucketStatesPort.raiseEpoch} may also fail with UNKNOWN_OUTCOME, which does
 * no harm, since an epoch that was raised once too often is as good.
 *
 * *The caller's last write*: the last one that this store acknowledged to this process, through any of its ports; a
 * raise is one too.
 */
export interface BucketStatesPort {
  /**
   * The state of each bucket, in the order asked; one round trip. Sees every raise that was acknowledged before the
   * caller's last write was.
   */
  read(buckets: readonly number[]): Promise<readonly BucketState[]>;

  /**
   * Adds one to the bucket's epoch, for this incarnation of the cache, in one atomic step; resolves with the new one when
   * it is durable.
   */
  raiseEpoch(bucket: number, incarnation: string): Promise<number>;

  /**
   * Rows of the bucket, dead ones too, whose version is above `above`, in the order of version and key, beginning after
   * `after`. Fewer than `limit` means the end. Sees every write that was acknowledged before the caller's last one was.
   */
  rowsAbove(page: RowsAbovePage): Promise<readonly RowVersion[]>;
}

export interface RowsAbovePage {
  readonly bucket: number;
  readonly above: Version;
  readonly after?: RowVersion;
  readonly limit: number;
}
