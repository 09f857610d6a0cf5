import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { loadSqlite, type SqliteConnection } from "./load-sqlite.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { isBusy, isNotADatabase, translated } from "./sqlite-error.ts";
import { APPLICATION_ID, SCHEMA_VERSION, schemaSql, upgradeSql } from "./sqlite-schema.ts";

export interface SqliteOptions {
  /** Path of the database file; it and its folder are made where they are missing, for this user only. */
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a write waits for another process' lock, milliseconds. A batch of 500 rows holds it for a few. */
  readonly lockWaitMs?: number;
}

const LOCK_WAIT_MS = 1500;

/** How long one statement waits for a lock; this thread stands still meanwhile, so longer waits are made in turns. */
const STATEMENT_WAIT_MS = 20;

/** Processes that open a new file at the same moment wait for each other: for a few disk flushes, on a slow disk too. */
const OPENING_MS = 10_000;
const OPENING_RETRY_MS = 20;

/**
 * Opens the store's file and makes it a store if it is new.
 * Errors: CONFIG_INVALID (no SQLite here, or not a store of ours), SCHEMA_TOO_NEW, STORE_UNAVAILABLE (anything else).
 */
export async function openSqliteDatabase(options: SqliteOptions): Promise<SqliteDatabase> {
  const { DatabaseSync } = await loadSqlite();
  const deadlineMs = options.clock.monotonicMs() + OPENING_MS;
  for (;;) {
    try {
      return openOnce(DatabaseSync, options);
    } catch (error) {
      // The busy time-out does not cover every step: the change to WAL fails at once where waiting might deadlock.
      if (!isBusy(error) || options.clock.monotonicMs() >= deadlineMs) {
        throw openingError(error, options.file);
      }
    }
    await options.clock.sleep(OPENING_RETRY_MS);
  }
}

function openOnce(
  DatabaseSync: new (file: string) => SqliteConnection,
  { file, clock, random, lockWaitMs = LOCK_WAIT_MS }: SqliteOptions,
): SqliteDatabase {
  makePrivateFile(file);
  const connection = new DatabaseSync(file);
  try {
    // First of all, because without it every later statement fails while another process opens the file too.
    connection.exec(`PRAGMA busy_timeout = ${OPENING_MS}`);
    // In one transaction: another process may be making this file a store just now.
    connection.exec("BEGIN");
    checkOwner(connection, file);
    connection.exec("COMMIT");
    connection.exec("PRAGMA journal_mode = WAL");
    // Not kept in the file, and the default differs between SQLite builds.
    connection.exec("PRAGMA synchronous = FULL");
    const storeId = makeStore(connection, file, random);
    connection.exec(`PRAGMA busy_timeout = ${STATEMENT_WAIT_MS}`);
    return new SqliteDatabase(connection, { storeId, clock, lockWaitMs });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * SQLite gives its side files the mode of the database, so making that one private is enough. A file that exists is not
 * even opened: closing it again would drop the locks that other connections of this process hold on it.
 */
function makePrivateFile(file: string): void {
  // SQLite's own name for a database without a file.
  if (file === ":memory:") return;
  makeFolder(dirname(resolve(file)));
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/**
 * One level after another. Node's own recursive mkdir never ends where a folder exists and still answers ENOENT to whoever
 * makes another in it, as /proc does.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!existsSync(folder)) throw error;
  }
}

/** Creates the tables, or brings them to the newest layout, unless another process has just done so; answers the store's identity. */
function makeStore(connection: SqliteConnection, file: string, random: Random): string {
  if (layoutOf(connection) < SCHEMA_VERSION) {
    connection.exec("BEGIN IMMEDIATE");
    // Asked again under the lock; closing the connection rolls back if anything here fails.
    if (checkOwner(connection, file) === "new") connection.exec(schemaSql(random.hex(16)));
    else if (layoutOf(connection) < SCHEMA_VERSION)
      connection.exec(upgradeSql(layoutOf(connection)));
    connection.exec("COMMIT");
  }
  const row = connection.prepare("SELECT value FROM state WHERE name = 'store_id'").get();
  return (row as { value: string }).value;
}

/**
 * Refuses a file that is another program's, or a newer release's, before anything in it is changed. Needs a transaction
 * around it.
 */
function checkOwner(connection: SqliteConnection, file: string): "new" | "ours" {
  const version = layoutOf(connection);
  const isOurs = readNumber(connection, "PRAGMA application_id") === APPLICATION_ID;
  if (isOurs && version > SCHEMA_VERSION) {
    throw new LockstepError(
      "SCHEMA_TOO_NEW",
      `${file} has layout ${version}; this release knows layouts up to ${SCHEMA_VERSION}.`,
    );
  }
  if (isOurs) return "ours";
  if (version !== 0 || readNumber(connection, "SELECT count(*) FROM sqlite_schema") > 0) {
    throw foreignFile(file);
  }
  return "new";
}

/** Whether a file that is there is a store already, and not an empty file. Errors: CONFIG_INVALID, SCHEMA_TOO_NEW. */
export function isStoreFile(connection: SqliteConnection, file: string): boolean {
  try {
    return checkOwner(connection, file) === "ours";
  } catch (error) {
    throw isNotADatabase(error) ? foreignFile(file, error) : error;
  }
}

function openingError(error: unknown, file: string): LockstepError {
  if (error instanceof LockstepError) return error;
  if (isNotADatabase(error)) return foreignFile(file, error);
  if (isBusy(error)) return translated(error);
  // At start nothing is gained by waiting for a path that cannot be a file.
  const reason = error instanceof Error ? error.message : "unknown cause";
  return new LockstepError("CONFIG_INVALID", `${file} cannot be opened: ${reason}.`, {
    cause: error,
    hint: "Point LOCKSTEP_SQLITE_FILE at a file in a folder that this user may write to.",
  });
}

function foreignFile(file: string, cause?: unknown): LockstepError {
  return new LockstepError("CONFIG_INVALID", `${file} is no store of this server.`, {
    cause,
    hint: "Point LOCKSTEP_SQLITE_FILE at a store's file, or at a path where none exists yet.",
  });
}

function layoutOf(connection: SqliteConnection): number {
  return readNumber(connection, "PRAGMA user_version");
}

/** The single number that a pragma or a count answers with. */
function readNumber(connection: SqliteConnection, sql: string): number {
  const [value] = Object.values(connection.prepare(sql).get() as Record<string, number>);
  return value ?? 0;
}
