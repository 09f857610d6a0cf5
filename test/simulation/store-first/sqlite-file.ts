import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadSqlite,
  type SqliteConnection,
} from "../../../src/store/drivers/sqlite/load-sqlite.ts";
import { SqliteDatabase } from "../../../src/store/drivers/sqlite/sqlite-database.ts";
import { schemaSql } from "../../../src/store/drivers/sqlite/sqlite-schema.ts";
import { sqlitePorts } from "../../support/memory-sqlite.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";
import type { Machine } from "../machine.ts";
import type { SharedStore } from "./shared-store.ts";

/** What a process waits for another one's lock, as the server does with its usual sync timeout; milliseconds. */
const LOCK_WAIT_MS = 1_500;

const STORE_ID = "simulated";

const ROWS = "SELECT CAST(key AS TEXT) AS key, version, CAST(value AS TEXT) AS value FROM kvshadow";
const UNPROCESSED = "SELECT CAST(key AS TEXT) AS key, version FROM outbox WHERE processed = 0";

/**
 * The real driver on a real file, each process with a connection of its own, in turns of simulated time. The file is
 * never flushed: no machine that is simulated loses its power.
 */
export async function openSqliteFile(random: SeededRandom): Promise<SharedStore> {
  const { DatabaseSync } = await loadSqlite();
  const folder = mkdtempSync(join(tmpdir(), "lockstep-simulation-"));
  const opened = new Set<SqliteConnection>();
  const open = () => {
    const connection = new DatabaseSync(join(folder, "lockstep.db"));
    opened.add(connection);
    connection.exec("PRAGMA journal_mode = WAL");
    connection.exec("PRAGMA synchronous = OFF");
    // Nobody else can run while this thread waits, so it would wait for nothing.
    connection.exec("PRAGMA busy_timeout = 0");
    return connection;
  };
  const close = (connection: SqliteConnection) => {
    if (opened.delete(connection)) connection.close();
  };
  const own = open();
  own.exec(schemaSql(STORE_ID));
  const rows = own.prepare(ROWS);
  const unprocessed = own.prepare(UNPROCESSED);
  let holder: SqliteConnection | undefined;

  const bringBack = () => {
    if (holder !== undefined) close(holder);
    holder = undefined;
  };
  return {
    connect(machine, reach) {
      const connection = open();
      const { clock } = machine;
      const database = new SqliteDatabase(connection, {
        storeId: STORE_ID,
        clock,
        lockWaitMs: LOCK_WAIT_MS,
        endOfTurn: () => endOfTurn(machine, random),
      });
      void machine.gone.then(() => close(connection));
      const { store, outbox, authority, settings, bucketStates, purge, records } = sqlitePorts(
        database,
        clock,
      );
      return {
        store: reach(store),
        outbox: reach(outbox),
        authority: reach(authority),
        settings: reach(settings),
        bucketStates: reach(bucketStates),
        purge: reach(purge),
        records: reach(records),
      };
    },
    rows() {
      const found = rows.all() as { key: string; version: string; value: string | null }[];
      return new Map(found.map(({ key, version, value }) => [key, { version, value }]));
    },
    unprocessed: () => unprocessed.all() as { key: string; version: string }[],
    takeDown() {
      if (holder !== undefined) return;
      holder = open();
      holder.exec("BEGIN IMMEDIATE");
    },
    bringBack,
    close() {
      bringBack();
      for (const connection of opened) close(connection);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Others may write in the time that a turn takes, and the machine may stop before its transaction begins. */
function endOfTurn(machine: Machine, random: SeededRandom): Promise<void> {
  return new Promise((resolve) => {
    machine.after(random.fraction() * 0.3, resolve);
  });
}
