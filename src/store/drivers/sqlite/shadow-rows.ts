import { bucketOf } from "../../../model/bucket.ts";
import { type Entry, purgeAtMs, type ShadowEntry, type SyncMethod } from "../../../model/entry.ts";
import { type Version, writtenAtMs } from "../../../model/version.ts";
import type { KeyCondition } from "./key-range.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import {
  bytesOf,
  bytesOrNull,
  type EntryRow,
  recordsText,
  textOf,
  toEntry,
} from "./sqlite-entry.ts";

interface ShadowRow extends EntryRow {
  readonly sync_method: SyncMethod;
  readonly sync_timestamp: number;
}

const COLUMNS =
  "key, version, deleted, expires_at, sync_method, sync_timestamp, session_id, interaction_id, idempotency, hash, value";

const GET = `SELECT ${COLUMNS} FROM kvshadow WHERE key = ?`;
const GET_VERSION = "SELECT version FROM kvshadow WHERE key = ?";

const UPSERT = `
INSERT INTO kvshadow (
  key, version, bucket, deleted, last_write_at, expires_at, purge_at,
  sync_method, sync_timestamp, session_id, interaction_id, idempotency, hash, value
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
  version = excluded.version,
  deleted = excluded.deleted,
  last_write_at = excluded.last_write_at,
  expires_at = excluded.expires_at,
  purge_at = excluded.purge_at,
  sync_method = excluded.sync_method,
  sync_timestamp = excluded.sync_timestamp,
  session_id = excluded.session_id,
  interaction_id = excluded.interaction_id,
  idempotency = coalesce(excluded.idempotency, kvshadow.idempotency),
  hash = excluded.hash,
  value = excluded.value
WHERE excluded.version > kvshadow.version`;

export interface Arrival {
  readonly method: SyncMethod;
  readonly nowMs: number;
  /** How long a dead row stays, milliseconds. */
  readonly graceMs: number;
}

export function getShadow(database: SqliteDatabase, key: string): ShadowEntry | undefined {
  const row = database.query<ShadowRow>(GET).get(bytesOf(key));
  return row === undefined ? undefined : toShadowEntry(row);
}

/** Writes the row unless it already has this version or a newer one. Needs a write transaction around it. */
export function putIfNewer(
  database: SqliteDatabase,
  entry: Entry,
  { method, nowMs, graceMs }: Arrival,
): "written" | "kept" {
  const lastWriteAt = writtenAtMs(entry.version);
  const changed = database
    .query(UPSERT)
    .run(
      bytesOf(entry.key),
      entry.version,
      bucketOf(entry.key),
      entry.value === null ? 1 : 0,
      lastWriteAt,
      entry.expiresAtMs,
      purgeAtMs(entry, lastWriteAt, graceMs),
      method,
      nowMs,
      bytesOrNull(entry.sessionId),
      bytesOrNull(entry.interactionId),
      recordsText(entry.idempotency),
      entry.hash,
      bytesOrNull(entry.value),
    );
  return changed === 0 ? "kept" : "written";
}

/** The version of a row that there is. */
export function shadowVersion(database: SqliteDatabase, key: string): Version {
  return database.query<{ version: Version }>(GET_VERSION).one(bytesOf(key)).version;
}

/** Up to `limit` rows in key order, dead ones too. */
export function scanShadow(
  database: SqliteDatabase,
  { sql, values }: KeyCondition,
  limit: number,
): ShadowEntry[] {
  return database
    .query<ShadowRow>(`SELECT ${COLUMNS} FROM kvshadow WHERE ${sql} ORDER BY key LIMIT ?`)
    .all(...values, limit)
    .map(toShadowEntry);
}

/** Live rows last written before `beforeMs`: all of them counted, the oldest named. */
export function findStale(
  database: SqliteDatabase,
  { sql, values }: KeyCondition,
  { beforeMs, nowMs, limit }: { beforeMs: number; nowMs: number; limit: number },
): { count: number; keys: string[] } {
  const live = "deleted = 0 AND (expires_at IS NULL OR expires_at > ?)";
  const stale = `FROM kvshadow WHERE last_write_at < ? AND ${live} AND ${sql}`;
  const bound = [beforeMs, nowMs, ...values];
  return database.read(() => ({
    count: database.query<{ rows: number }>(`SELECT count(*) AS rows ${stale}`).one(...bound).rows,
    keys: database
      .query<{ key: Uint8Array }>(`SELECT key ${stale} ORDER BY last_write_at, version LIMIT ?`)
      .all(...bound, limit)
      .map((row) => textOf(row.key)),
  }));
}

function toShadowEntry(row: ShadowRow): ShadowEntry {
  return { ...toEntry(row), syncMethod: row.sync_method, syncedAtMs: row.sync_timestamp };
}
