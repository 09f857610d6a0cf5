import type { Entry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { StatementLife } from "./statement-life.ts";

/** A write that waits in the store to be applied to the shadow. */
export interface OutboxEvent {
  readonly id: string;
  readonly entry: Entry;
  /** How often it has been refused so far. */
  readonly attempts: number;
  /** Set where it is parked: nobody claims it until it is replayed. */
  readonly dead?: true;
}

/** Why events are given back: the store refused them, or it or the cache did not do its part for anyone. */
export type GivenBack = "refused" | "outage";

/** Which of a bucket's events are asked for. */
export interface BucketPage {
  readonly bucket: number;
  readonly limit: number;
  readonly cursor?: string;
}

/** A parked event, as people see it. */
export interface DeadLetter {
  readonly id: string;
  /** null where the event cannot be read. */
  readonly key: string | null;
  readonly version: Version | null;
  /** Why it was parked, in words; never a value. */
  readonly cause: string;
  readonly attempts: number;
  /** When it was parked, milliseconds since 1970; null where that was not noted. */
  readonly sinceMs: number | null;
}

/**
 * Events in the store that the projector has not applied yet. Applying one twice, late or out of order does no
 * harm, because the shadow only takes newer versions; so a lease that runs out merely repeats work.
 *
 * Every method may fail with STORE_UNAVAILABLE. Only {@link OutboxPort.append} may also fail with UNKNOWN_OUTCOME: the
 * answer was lost, and the events may have been appended; and with DOCUMENT_REFUSED and WRITE_EXPIRED, as {@link StorePort.applyNewer} does.
 */
export interface OutboxPort {
  /**
   * Adds one unprocessed event for each entry. Resolves when all of them are durable. Nothing is sent later than
   * ten minutes (STATEMENT_LIFE_MS) after `life` began, which is with the call where none is given; once appended, an event
   * is never refused for its age.
   */
  append(entries: readonly Entry[], life?: StatementLife): Promise<void>;

  /**
   * Up to `limit` unprocessed events that are not parked and that no live lease holds, oldest first, now leased to
   * `owner` for `leaseMs`.
   * Two owners that claim at once never get the same event.
   */
  claim(request: {
    readonly owner: string;
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly OutboxEvent[]>;

  /** Marks events as applied, parked ones too; unknown and already processed ids are ignored. They are kept for the retention time, then go. */
  markProcessed(ids: readonly string[]): Promise<void>;

  /**
   * Gives claimed events back after a failure, claimable again after `retryAfterMs`: attempts + 1 where they were
   * refused. Parked ones stay parked.
   */
  release(ids: readonly string[], retryAfterMs: number, why: GivenBack): Promise<void>;

  /** Parks events: attempts + 1, claimed by nobody and kept until they are replayed or applied. Unknown and processed ids are ignored. */
  park(ids: readonly string[], cause: string): Promise<void>;

  /** Parked events in the order in which they were appended. Error: INPUT_INVALID for a cursor that is not its own. */
  deadLetters(page: { readonly limit: number; readonly cursor?: string }): Promise<{
    readonly letters: readonly DeadLetter[];
    /** Where to go on; undefined at the end. */
    readonly cursor: string | undefined;
  }>;

  /** How many events are parked. */
  countDead(): Promise<number>;

  /**
   * Puts parked events back, as if nothing had been tried yet: those with these ids, or where none are named the ones
   * appended first; at most `limit`. Answers how many those were.
   */
  replay(request: { readonly ids?: readonly string[]; readonly limit: number }): Promise<number>;

  /** The unprocessed events of each key, claimed and parked ones too, oldest first; keys without any are left out. */
  unprocessedOf(keys: readonly string[]): Promise<ReadonlyMap<string, readonly OutboxEvent[]>>;

  /** The unprocessed events of one bucket, claimed and parked ones too, in the order in which they were appended. */
  unprocessedIn(page: BucketPage): Promise<{
    readonly events: readonly OutboxEvent[];
    /** Where to go on; undefined at the end. */
    readonly cursor: string | undefined;
  }>;

  /** How many events are not processed, claimed and parked ones too. */
  countUnprocessed(): Promise<number>;
}
