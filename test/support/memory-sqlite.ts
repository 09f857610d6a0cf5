import type { Clock } from "../../src/lib/clock.ts";
import type { Random } from "../../src/lib/random.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { SqliteAuthority } from "../../src/store/drivers/sqlite/sqlite-authority.ts";
import { SqliteBucketStates } from "../../src/store/drivers/sqlite/sqlite-bucket-states.ts";
import { SqliteDatabase } from "../../src/store/drivers/sqlite/sqlite-database.ts";
import { SqliteOutbox } from "../../src/store/drivers/sqlite/sqlite-outbox.ts";
import { SqlitePurge } from "../../src/store/drivers/sqlite/sqlite-purge.ts";
import { SqliteRecords } from "../../src/store/drivers/sqlite/sqlite-records.ts";
import { schemaSql } from "../../src/store/drivers/sqlite/sqlite-schema.ts";
import { SqliteSettings } from "../../src/store/drivers/sqlite/sqlite-settings.ts";
import { SqliteStore } from "../../src/store/drivers/sqlite/sqlite-store.ts";

const DAY_MS = 24 * 3_600_000;

export interface MemorySqlite {
  readonly store: SqliteStore;
  readonly outbox: SqliteOutbox;
  readonly authority: SqliteAuthority;
  readonly settings: SqliteSettings;
  readonly bucketStates: SqliteBucketStates;
  readonly purge: SqlitePurge;
  readonly records: SqliteRecords;
  /** For what a person does to the tables by hand. */
  readonly database: SqliteDatabase;
}

/** The real SQLite driver on a database that has no file and ends with its connection. */
export async function openMemorySqlite(options: {
  readonly clock: Clock;
  readonly random: Random;
}): Promise<MemorySqlite> {
  const { clock, random } = options;
  const { DatabaseSync } = await loadSqlite();
  const connection = new DatabaseSync(":memory:");
  const storeId = random.hex(16);
  connection.exec(schemaSql(storeId));
  const database = new SqliteDatabase(connection, { storeId, clock, lockWaitMs: 0 });
  return sqlitePorts(database, clock);
}

/** All ports of the driver on a connection that is open. */
export function sqlitePorts(database: SqliteDatabase, clock: Clock): MemorySqlite {
  return {
    store: new SqliteStore({ database, clock, graceMs: DAY_MS }),
    outbox: new SqliteOutbox({ database, clock, retentionMs: DAY_MS }),
    authority: new SqliteAuthority({ database, clock, graceMs: DAY_MS }),
    settings: new SqliteSettings(database),
    bucketStates: new SqliteBucketStates(database),
    purge: new SqlitePurge({ database, clock }),
    records: new SqliteRecords({ database, clock }),
    database,
  };
}
