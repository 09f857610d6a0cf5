import type { Version } from "../model/version.ts";

/**
 * Forgets dead rows: tombstones, and rows whose data TTL is over, once the grace time that was written into them has
 * passed by the store's clock too. Every method may fail with STORE_UNAVAILABLE; a purge that failed may have happened in part,
 * and is simply made again.
 */
export interface PurgePort {
  /** The lowest version of the events of each bucket, processed ones too while they are kept; undefined = it has none. In the order asked. */
  oldestEvents(buckets: readonly number[]): Promise<readonly (Version | undefined)[]>;

  /**
   * Looks at up to `limit` rows whose time has come, oldest first, going on after `cursor`, and deletes those that lie
   * within their bucket's limits, each only while it still has the version that was seen. Rows of a bucket without limits stay.
   * The highest version of what goes is durably recorded as the bucket's highest purged one before anything goes.
   */
  purge(page: PurgePage): Promise<PurgedPage>;
}

export interface PurgePage {
  readonly within: readonly PurgeLimits[];
  readonly limit: number;
  readonly cursor?: string;
}

/** How far a purge may go in one bucket. */
export interface PurgeLimits {
  readonly bucket: number;
  /** Only rows of a version below this one; undefined = of any. */
  readonly belowVersion: Version | undefined;
  /** Only rows of a version whose seq is below this one, whatever its epoch; undefined = of any. */
  readonly belowSeq: number | undefined;
}

export interface PurgedPage {
  readonly purged: number;
  /** Where to go on; undefined at the end. */
  readonly cursor: string | undefined;
}
