import type { Entry } from "../model/entry.ts";

/** A write that waits in the store to be applied to the shadow. */
export interface OutboxEvent {
  readonly id: string;
  readonly entry: Entry;
  /** How often applying it has failed so far. */
  readonly attempts: number;
}

/**
 * Events in the store that the projector has not applied yet. Applying one twice, late or out of order does no
 * harm, because the shadow only takes newer versions; so a lease that runs out merely repeats work.
 *
 * Every method may fail with STORE_UNAVAILABLE. Only {@link OutboxPort.append} may also fail with UNKNOWN_OUTCOME: the
 * answer was lost, and the events may have been appended.
 */
export interface OutboxPort {
  /** Adds one unprocessed event for each entry. Resolves when all of them are durable. */
  append(entries: readonly Entry[]): Promise<void>;

  /**
   * Up to `limit` unprocessed events that no live lease holds, oldest first, now leased to `owner` for `leaseMs`.
   * Two owners that claim at once never get the same event.
   */
  claim(request: {
    readonly owner: string;
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly OutboxEvent[]>;

  /** Marks events as applied; unknown and already processed ids are ignored. They are kept for the retention time, then go. */
  markProcessed(ids: readonly string[]): Promise<void>;

  /** Gives claimed events back after a failure: attempts + 1, claimable again after `retryAfterMs`. */
  release(ids: readonly string[], retryAfterMs: number): Promise<void>;

  /** The unprocessed events of each key, claimed ones too, oldest first; keys without any are left out. */
  unprocessedOf(keys: readonly string[]): Promise<ReadonlyMap<string, readonly OutboxEvent[]>>;

  /** How many events are not processed, claimed ones too. */
  countUnprocessed(): Promise<number>;
}
