import type { Clock } from "../../src/lib/clock.ts";
import type { Entry, ShadowEntry, SyncMethod } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { RunTimeSettings } from "../../src/model/sync-settings.ts";
import { FIRST_EPOCH, type Version } from "../../src/model/version.ts";
import type { KeptRecord } from "../../src/store/records-port.ts";

/** An event of the outbox, as the server keeps it. */
export interface HeldEvent {
  readonly id: string;
  readonly entry: Entry;
  /** By the clock of the process that appended it, as its driver notes it. */
  readonly appendedMs: number;
  processed: boolean;
  attempts: number;
  /** By the server's clock. */
  leasedUntilMs: number;
  dead: { readonly cause: string; readonly sinceMs: number } | undefined;
}

export interface FakeStoreOptions {
  readonly clock: Clock;
  readonly storeId: string;
}

/**
 * A database server in memory that behaves as MongoDB does for us, as far as its clients here can tell: what it holds,
 * its clock, and whether it answers. Any number of connections (`openFakeStore`) may share one, as processes share a
 * server. Each command is one atomic step.
 */
export class FakeStore {
  readonly clock: Clock;
  readonly storeId: string;
  readonly rows = new Map<string, ShadowEntry>();
  /** In the order of their insertion. */
  readonly events = new Map<string, HeldEvent>();
  readonly leases = new Map<string, { readonly owner: string; readonly untilMs: number }>();
  /** By bucket; one that is missing was never raised. */
  readonly epochs = new Map<number, number>();
  /** By bucket: the last seq that the store itself has minted. */
  readonly lastSeqs = new Map<number, number>();
  /** For which cache each was raised last. */
  readonly raisedFor = new Map<number, string>();
  /** By bucket; the highest version of what was purged. */
  readonly highestPurged = new Map<number, Version>();
  readonly records = new Map<string, KeptRecord>();
  /** Keys that a rule of the collections forbids, as a person may set one. */
  readonly forbiddenKeys = new Set<string>();
  settings: { readonly revision: number; readonly settings: RunTimeSettings } = {
    revision: 0,
    settings: {},
  };
  /** While false, every command fails before it does anything. */
  isUp = true;
  #appended = 0;

  constructor({ clock, storeId }: FakeStoreOptions) {
    this.clock = clock;
    this.storeId = storeId;
  }

  nowMs(): number {
    return Math.floor(this.clock.nowMs());
  }

  /** The upsert of one row, which takes only what is newer. An entry without idempotency records leaves those of its row. */
  upsert(entry: Entry, method: SyncMethod, syncedAtMs: number): ShadowEntry {
    if (this.forbiddenKeys.has(entry.key)) {
      throw new LockstepError("DOCUMENT_REFUSED", "A rule of the collection forbids the row.");
    }
    const row = this.rows.get(entry.key);
    if (row !== undefined && !this.replaces(entry, row)) return row;
    const idempotency = entry.idempotency ?? row?.idempotency;
    const written: ShadowEntry = {
      ...entry,
      ...(idempotency === undefined ? {} : { idempotency }),
      syncMethod: method,
      syncedAtMs,
    };
    this.rows.set(entry.key, written);
    return written;
  }

  /** The condition of the upsert. A test that wants a store with a defect overrides it. */
  protected replaces(entry: Entry, row: ShadowEntry): boolean {
    return entry.version > row.version;
  }

  insertEvent(entry: Entry, appendedMs: number): void {
    if (this.forbiddenKeys.has(entry.key)) {
      throw new LockstepError("DOCUMENT_REFUSED", "A rule of the collection forbids the event.");
    }
    this.#appended += 1;
    const id = `event-${this.#appended}`;
    this.events.set(id, {
      id,
      entry,
      appendedMs,
      processed: false,
      attempts: 0,
      leasedUntilMs: Number.NEGATIVE_INFINITY,
      dead: undefined,
    });
  }

  /** Those of these events that are not processed. */
  unprocessed(ids?: Iterable<string>): HeldEvent[] {
    const events =
      ids === undefined
        ? [...this.events.values()]
        : [...new Set(ids)].flatMap((id) => this.events.get(id) ?? []);
    return events.filter((event) => !event.processed);
  }

  epochOf(bucket: number): number {
    return this.epochs.get(bucket) ?? FIRST_EPOCH;
  }
}
