import type { Clock } from "../../../lib/clock.ts";
import type { Entry } from "../../../model/entry.ts";
import type { BucketPage, GivenBack, OutboxEvent, OutboxPort } from "../../outbox-port.ts";
import { beginLife, lifeLeftMs, type StatementLife } from "../../statement-life.ts";
import {
  appendEvent,
  EVENT_COLUMNS,
  type EventRow,
  toEvent,
  unprocessedEvents,
  unprocessedEventsIn,
} from "./outbox-rows.ts";
import { ParkedRows, placeOf } from "./parked-rows.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export interface SqliteOutboxOptions {
  readonly database: SqliteDatabase;
  readonly clock: Clock;
  /** How long processed events are kept for people to look at, milliseconds. */
  readonly retentionMs: number;
}

/** Deleted with one batch of acknowledgements: more than a batch adds, so that old events always run out. */
const SWEEP_MAX = 1000;

const CLAIMABLE = `
SELECT id FROM outbox
WHERE processed = 0 AND state = 'live' AND lease_until <= ?
ORDER BY ts, id LIMIT ?`;

const CLAIM = `
UPDATE outbox SET lease_until = ?, owner = ?
WHERE id IN (${CLAIMABLE})
RETURNING ${EVENT_COLUMNS}`;

const MARK_PROCESSED = `
UPDATE outbox SET processed = 1, processed_at = ?, state = 'live', lease_until = 0, owner = NULL
WHERE id = ? AND processed = 0`;

const RELEASE = `
UPDATE outbox SET attempts = attempts + ?, lease_until = ?, owner = NULL
WHERE id = ? AND processed = 0 AND state = 'live'`;

// The index is named because SQLite would else walk everything that is processed, after each batch.
const SWEEP = `
DELETE FROM outbox WHERE id IN (
  SELECT id FROM outbox INDEXED BY outbox_processed_at
  WHERE processed = 1 AND processed_at <= ? ORDER BY processed_at LIMIT ${SWEEP_MAX}
)`;

const COUNT_UNPROCESSED = "SELECT count(*) AS events FROM outbox WHERE processed = 0";

/** The outbox in the same file as the shadow. A read does its work before it returns. */
export class SqliteOutbox implements OutboxPort {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #retentionMs: number;
  readonly #parked: ParkedRows;

  constructor({ database, clock, retentionMs }: SqliteOutboxOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#retentionMs = retentionMs;
    this.#parked = new ParkedRows(database);
  }

  async append(
    entries: readonly Entry[],
    life: StatementLife = beginLife(this.#clock),
  ): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#database.write(() => {
      lifeLeftMs(life, this.#clock);
      for (const entry of entries) appendEvent(this.#database, entry, nowMs);
    });
  }

  async claim({
    owner,
    limit,
    leaseMs,
  }: {
    readonly owner: string;
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly OutboxEvent[]> {
    const nowMs = this.#clock.nowMs();
    const rows = await this.#database.write(() =>
      this.#database.query<EventRow>(CLAIM).all(nowMs + leaseMs, owner, nowMs, limit),
    );
    // RETURNING gives rows in no particular order.
    return rows.toSorted((one, other) => one.ts - other.ts || one.id - other.id).map(toEvent);
  }

  async markProcessed(ids: readonly string[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#database.write(() => {
      const mark = this.#database.query(MARK_PROCESSED);
      for (const id of ids) mark.run(nowMs, id);
      this.#database.query(SWEEP).run(nowMs - this.#retentionMs);
    });
  }

  async release(ids: readonly string[], retryAfterMs: number, why: GivenBack): Promise<void> {
    const counted = why === "refused" ? 1 : 0;
    const leaseUntil = this.#clock.nowMs() + retryAfterMs;
    await this.#database.write(() => {
      const release = this.#database.query(RELEASE);
      for (const id of new Set(ids)) release.run(counted, leaseUntil, id);
    });
  }

  async park(ids: readonly string[], cause: string): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#database.write(() => this.#parked.park(ids, cause, nowMs));
  }

  async deadLetters(page: { readonly limit: number; readonly cursor?: string }) {
    return this.#parked.list(page);
  }

  async countDead(): Promise<number> {
    return this.#parked.count();
  }

  async replay(request: {
    readonly ids?: readonly string[];
    readonly limit: number;
  }): Promise<number> {
    return this.#database.write(() => this.#parked.replay(request));
  }

  async unprocessedOf(
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly OutboxEvent[]>> {
    return this.#database.read(() => {
      const found = new Map<string, readonly OutboxEvent[]>();
      for (const key of keys) {
        const events = unprocessedEvents(this.#database, key);
        if (events.length > 0) found.set(key, events);
      }
      return found;
    });
  }

  async unprocessedIn({ bucket, limit, cursor }: BucketPage) {
    const events = unprocessedEventsIn(this.#database, bucket, placeOf(cursor), limit);
    return { events, cursor: events.length < limit ? undefined : events.at(-1)?.id };
  }

  async countUnprocessed(): Promise<number> {
    return this.#database.query<{ events: number }>(COUNT_UNPROCESSED).one().events;
  }
}
