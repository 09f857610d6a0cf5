import { openSqliteDatabase, type SqliteOptions } from "./open-sqlite-database.ts";
import { SqliteAuthority } from "./sqlite-authority.ts";
import { SqliteBucketStates } from "./sqlite-bucket-states.ts";
import { SqliteOutbox } from "./sqlite-outbox.ts";
import { SqlitePurge } from "./sqlite-purge.ts";
import { SqliteRecords } from "./sqlite-records.ts";
import { SqliteSettings } from "./sqlite-settings.ts";
import { SqliteStore } from "./sqlite-store.ts";

export interface OpenSqliteOptions extends SqliteOptions {
  /** How long a tombstone or an expired row is kept at least, milliseconds; default 24 hours. */
  readonly graceMs?: number;
  /** How long a processed outbox event is kept, milliseconds; default 24 hours. */
  readonly retentionMs?: number;
}

export interface OpenedSqlite {
  /** Its `close` closes the file for all of them. */
  readonly store: SqliteStore;
  readonly outbox: SqliteOutbox;
  readonly authority: SqliteAuthority;
  readonly settings: SqliteSettings;
  readonly bucketStates: SqliteBucketStates;
  readonly purge: SqlitePurge;
  readonly records: SqliteRecords;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** All ports of the store on one connection to the file. Errors: those of {@link openSqliteDatabase}. */
export async function openSqlite({
  graceMs = DAY_MS,
  retentionMs = DAY_MS,
  ...options
}: OpenSqliteOptions): Promise<OpenedSqlite> {
  const database = await openSqliteDatabase(options);
  const { clock } = options;
  return {
    store: new SqliteStore({ database, clock, graceMs }),
    outbox: new SqliteOutbox({ database, clock, retentionMs }),
    authority: new SqliteAuthority({ database, clock, graceMs }),
    settings: new SqliteSettings(database),
    bucketStates: new SqliteBucketStates(database),
    purge: new SqlitePurge({ database, clock }),
    records: new SqliteRecords({ database, clock }),
  };
}
