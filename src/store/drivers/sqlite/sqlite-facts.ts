import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { SqliteFacts, StoreFactsPort } from "../../store-facts-port.ts";
import { loadSqlite, type SqliteConnection } from "./load-sqlite.ts";
import { isStoreFile } from "./open-sqlite-database.ts";
import { translated } from "./sqlite-error.ts";
import { INDEX_NAMES } from "./sqlite-schema.ts";

const VERSION = "SELECT sqlite_version() AS version";
const STORE_ID = "SELECT value FROM state WHERE name = 'store_id'";
const INDEXES = "SELECT name FROM sqlite_schema WHERE type = 'index'";

/** Looks at the store's file without making it, and without writing to it. */
export class SqliteFileFacts implements StoreFactsPort {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async gather(): Promise<SqliteFacts> {
    const file = this.#file;
    const isThere = await exists(file);
    const place = isThere ? file : await nearestFolder(file);
    const { bavail, bsize } = await statfs(place);
    const { DatabaseSync } = await loadSqlite();
    const connection = isThere
      ? new DatabaseSync(file, { readOnly: true })
      : new DatabaseSync(":memory:");
    try {
      const isStore = isThere && isStoreFile(connection, file);
      return {
        kind: "sqlite",
        file,
        version: textOf(connection, VERSION, "version"),
        storeId: isStore ? textOf(connection, STORE_ID, "value") : undefined,
        missingIndexes: isStore ? missingIndexes(connection) : [],
        // Its log is made beside it.
        isWritable:
          (await isWritable(place)) && (!isThere || (await isWritable(dirname(resolve(file))))),
        fileBytes: (await bytesOf(file)) + (await bytesOf(`${file}-wal`)),
        freeBytes: bavail * bsize,
      };
    } catch (error) {
      throw error instanceof LockstepError ? error : translated(error);
    } finally {
      connection.close();
    }
  }

  async close(): Promise<void> {
    // Every look opens the file and closes it again.
  }
}

function missingIndexes(connection: SqliteConnection): readonly string[] {
  const rows = connection.prepare(INDEXES).all() as { readonly name: string }[];
  const there = new Set(rows.map(({ name }) => name));
  return INDEX_NAMES.filter((name) => !there.has(name));
}

function textOf(connection: SqliteConnection, sql: string, column: string): string | undefined {
  const row = connection.prepare(sql).get() as Record<string, unknown> | undefined;
  const text = row?.[column];
  return typeof text === "string" ? text : undefined;
}

async function exists(path: string): Promise<boolean> {
  return (await bytesIfThere(path)) !== undefined;
}

async function bytesOf(path: string): Promise<number> {
  return (await bytesIfThere(path)) ?? 0;
}

async function bytesIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}

/** The nearest folder above the file that there is. */
async function nearestFolder(file: string): Promise<string> {
  let folder = dirname(resolve(file));
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
