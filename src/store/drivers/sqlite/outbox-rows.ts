import { bucketOf } from "../../../model/bucket.ts";
import type { Entry } from "../../../model/entry.ts";
import type { OutboxEvent } from "../../outbox-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { bytesOf, bytesOrNull, type EntryRow, recordsText, toEntry } from "./sqlite-entry.ts";

export interface EventRow extends EntryRow {
  readonly id: number;
  readonly ts: number;
  readonly attempts: number;
  readonly state: "live" | "dead";
}

/** What an {@link EventRow} is read from. */
export const EVENT_COLUMNS =
  "id, ts, attempts, state, key, version, op = 'delete' AS deleted, expires_at, session_id, interaction_id, idempotency, hash, value";

const APPEND = `
INSERT INTO outbox (
  type, ts, processed, state, attempts, lease_until,
  op, key, bucket, version, expires_at, session_id, interaction_id, idempotency, hash, value
) VALUES ('KVMutated', ?, 0, 'live', 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

// The index is named because SQLite would else take the one that gives this order, and walk the whole backlog for a key.
const UNPROCESSED = `
SELECT ${EVENT_COLUMNS} FROM outbox INDEXED BY outbox_unprocessed_key
WHERE key = ? AND processed = 0 ORDER BY ts, id`;

// No index has the bucket: all that is unprocessed is walked for each page. A recovery asks, a backup, and a full verification while anything waits.
const UNPROCESSED_IN = `
SELECT ${EVENT_COLUMNS} FROM outbox
WHERE processed = 0 AND bucket = ? AND id > ? ORDER BY id LIMIT ?`;

/** Adds one unprocessed event. Needs a write transaction around it. */
export function appendEvent(database: SqliteDatabase, entry: Entry, nowMs: number): void {
  database
    .query(APPEND)
    .run(
      nowMs,
      entry.value === null ? "delete" : "set",
      bytesOf(entry.key),
      bucketOf(entry.key),
      entry.version,
      entry.expiresAtMs,
      bytesOrNull(entry.sessionId),
      bytesOrNull(entry.interactionId),
      recordsText(entry.idempotency),
      entry.hash,
      bytesOrNull(entry.value),
    );
}

/** The unprocessed events of a key, oldest first. */
export function unprocessedEvents(database: SqliteDatabase, key: string): OutboxEvent[] {
  return database.query<EventRow>(UNPROCESSED).all(bytesOf(key)).map(toEvent);
}

/** The unprocessed events of a bucket after that id. */
export function unprocessedEventsIn(
  database: SqliteDatabase,
  bucket: number,
  afterId: number,
  limit: number,
): OutboxEvent[] {
  return database.query<EventRow>(UNPROCESSED_IN).all(bucket, afterId, limit).map(toEvent);
}

export function toEvent(row: EventRow): OutboxEvent {
  const event = { id: String(row.id), entry: toEntry(row), attempts: row.attempts };
  return row.state === "dead" ? { ...event, dead: true } : event;
}
