import type { Entry } from "../../../model/entry.ts";
import type { Version } from "../../../model/version.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { bytesOf, type EntryRow, toEntry } from "./sqlite-entry.ts";

/** What a decision about a key needs to know; reading it leaves the value on disk. */
export interface NewestHead {
  readonly version: Version;
  readonly deleted: number;
  readonly expires_at: number | null;
  /** The key's records, those of the row where the newest is an event that knows of none. */
  readonly idempotency: string | null;
  /** 1: an event. */
  readonly waits: number;
}

const ROW_RECORDS = "(SELECT idempotency FROM kvshadow WHERE kvshadow.key = outbox.key)";

const HEAD = newestSql(
  (deleted, isEvent) =>
    `version, ${deleted} AS deleted, expires_at, ${isEvent ? `coalesce(idempotency, ${ROW_RECORDS})` : "idempotency"} AS idempotency`,
);

const ENTRY = newestSql(
  (deleted) =>
    `key, version, ${deleted} AS deleted, expires_at, session_id, interaction_id, idempotency, hash, value`,
);

export function newestHead(database: SqliteDatabase, key: string): NewestHead | undefined {
  const bytes = bytesOf(key);
  return database.query<NewestHead>(HEAD).get(bytes, bytes);
}

export function newestEntry(
  database: SqliteDatabase,
  key: string,
): { readonly entry: Entry; readonly from: "shadow" | "outbox" } | undefined {
  const bytes = bytesOf(key);
  const row = database.query<EntryRow & { waits: number }>(ENTRY).get(bytes, bytes);
  if (row === undefined) return undefined;
  return { entry: toEntry(row), from: row.waits === 1 ? "outbox" : "shadow" };
}

/** The newest of a key's row and unprocessed events; of two alike, an event that is applied but not yet marked, the row. */
function newestSql(columns: (deleted: string, isEvent: boolean) => string): string {
  return `
SELECT ${columns("deleted", false)}, 0 AS waits FROM kvshadow WHERE key = ?
UNION ALL
SELECT ${columns("op = 'delete'", true)}, 1 AS waits
FROM outbox INDEXED BY outbox_unprocessed_key WHERE key = ? AND processed = 0
ORDER BY version DESC, waits LIMIT 1`;
}
