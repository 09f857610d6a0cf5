import { LockstepError } from "../../../model/lockstep-error.ts";
import { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import type { SqliteConnection } from "./load-sqlite.ts";
import { isBusy, translated } from "./sqlite-error.ts";
import { SqliteQuery } from "./sqlite-query.ts";

export interface SqliteDatabaseParts extends GroupCommitOptions {
  readonly storeId: string;
}

/**
 * One connection to the file, shared by the ports of this process. SQLite runs in the calling thread, so whatever
 * happens between two awaits is one step to everybody else in the process.
 */
export class SqliteDatabase {
  readonly storeId: string;
  readonly #connection: SqliteConnection;
  readonly #writes: GroupCommit;
  readonly #queries = new Map<string, SqliteQuery<unknown>>();
  #open = true;

  constructor(connection: SqliteConnection, { storeId, ...options }: SqliteDatabaseParts) {
    this.#connection = connection;
    this.storeId = storeId;
    this.#writes = new GroupCommit(
      {
        begin: () => this.#lock(),
        savepoint: () => void this.query("SAVEPOINT member").run(),
        release: () => void this.query("RELEASE member").run(),
        undo: () => this.#undoMember(),
        commit: () => this.#connection.exec("COMMIT"),
        rollBack: () => this.#rollBack(),
      },
      options,
    );
  }

  /** The statement for this SQL, prepared once. SQL must be one of a few fixed texts; values are bound. */
  query<Row>(sql: string): SqliteQuery<Row> {
    const known = this.#queries.get(sql);
    if (known !== undefined) return known as SqliteQuery<Row>;
    const query = new SqliteQuery<Row>(this.#prepare(sql));
    this.#queries.set(sql, query);
    return query;
  }

  /** Several reads of one and the same state of the file. */
  read<T>(body: () => T): T {
    this.query("BEGIN").run();
    try {
      const result = body();
      this.query("COMMIT").run();
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /**
   * A transaction that holds the write lock from its first statement, so nothing that it reads can change before it
   * commits; shared with whatever else is to be written in this turn of the event loop, each undone by itself where it
   * fails. `body` may run again if SQLite ends the whole transaction because of another's failure. Durable when it
   * resolves; `onCommitted` runs in the same turn as the commit. While another process holds the lock, this
   * one goes on with everything else. A failed COMMIT may still be found in the file after a crash; a caller for whom
   * that differs from "did not happen" asks for UNKNOWN_OUTCOME.
   */
  write<T>(
    body: () => T,
    {
      commitFailure = "STORE_UNAVAILABLE",
      onCommitted,
    }: {
      readonly commitFailure?: "STORE_UNAVAILABLE" | "UNKNOWN_OUTCOME";
      readonly onCommitted?: (result: T) => void;
    } = {},
  ): Promise<T> {
    return this.#writes.write(body, { commitFailure, onCommitted });
  }

  /** A number that changes with each commit of any other connection, and with none of this one. */
  dataVersion(): number {
    return this.query<{ data_version: number }>("PRAGMA data_version").one().data_version;
  }

  close(): void {
    if (!this.#open) return;
    this.#writes.flush();
    this.#open = false;
    this.#queries.clear();
    try {
      this.#connection.close();
    } catch (error) {
      throw translated(error);
    }
  }

  /** Begins a transaction with the write lock; answers why not, where another process holds it. */
  #lock(): LockstepError | undefined {
    try {
      this.query("BEGIN IMMEDIATE").run();
      return undefined;
    } catch (error) {
      if (error instanceof LockstepError && isBusy(error.cause)) return error;
      throw error;
    }
  }

  #undoMember(): "undone" | "ended" {
    try {
      this.query("ROLLBACK TO member").run();
      this.query("RELEASE member").run();
      return "undone";
    } catch {
      return "ended";
    }
  }

  /** SQLite ends a transaction by itself after some errors; there is nothing left to roll back then. */
  #rollBack(): void {
    try {
      this.query("ROLLBACK").run();
    } catch {}
  }

  #prepare(sql: string) {
    try {
      return this.#connection.prepare(sql);
    } catch (error) {
      throw translated(error);
    }
  }
}
