import type { ShadowDigest } from "../../../model/entry.ts";
import type { Version } from "../../../model/version.ts";
import type { KeyCondition } from "./key-range.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { bytesOf, textOf } from "./sqlite-entry.ts";

interface DigestRow {
  readonly key: Uint8Array;
  readonly version: Version;
  readonly hash: string;
  readonly expires_at: number | null;
  readonly value_bytes: number | null;
}

// The length of a BLOB stands in the row's header, so its pages are not read.
const COLUMNS = `
  key, version, hash, expires_at,
  CASE deleted WHEN 1 THEN NULL ELSE coalesce(length(value), 0) END AS value_bytes`;

const GET = `SELECT ${COLUMNS} FROM kvshadow WHERE key = ?`;
const EXISTS = "SELECT 1 AS found FROM kvshadow WHERE key = ?";

export function getDigest(database: SqliteDatabase, key: string): ShadowDigest | undefined {
  const row = database.query<DigestRow>(GET).get(bytesOf(key));
  return row === undefined ? undefined : toDigest(row);
}

/** Up to `limit` rows in key order, dead ones too. */
export function scanDigests(
  database: SqliteDatabase,
  { sql, values }: KeyCondition,
  limit: number,
): ShadowDigest[] {
  return database
    .query<DigestRow>(`SELECT ${COLUMNS} FROM kvshadow WHERE ${sql} ORDER BY key LIMIT ?`)
    .all(...values, limit)
    .map(toDigest);
}

export function hasRow(database: SqliteDatabase, key: string): boolean {
  return database.query(EXISTS).get(bytesOf(key)) !== undefined;
}

/** The key of the row that comes after `skip` others; only the index is walked. */
export function keyAt(
  database: SqliteDatabase,
  { sql, values }: KeyCondition,
  skip: number,
): string | undefined {
  const row = database
    .query<Pick<DigestRow, "key">>(
      `SELECT key FROM kvshadow WHERE ${sql} ORDER BY key LIMIT 1 OFFSET ?`,
    )
    .get(...values, skip);
  return row === undefined ? undefined : textOf(row.key);
}

export function countRows(database: SqliteDatabase, { sql, values }: KeyCondition): number {
  return database
    .query<{ rows: number }>(`SELECT count(*) AS rows FROM kvshadow WHERE ${sql}`)
    .one(...values).rows;
}

function toDigest(row: DigestRow): ShadowDigest {
  return {
    key: textOf(row.key),
    version: row.version,
    hash: row.hash,
    valueBytes: row.value_bytes,
    expiresAtMs: row.expires_at,
  };
}
