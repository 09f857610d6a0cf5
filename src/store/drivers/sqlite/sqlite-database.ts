import type { ErrorCode } from "../../../model/error-table.ts";
import type { SqliteConnection } from "./load-sqlite.ts";
import { translated } from "./sqlite-error.ts";
import { SqliteQuery } from "./sqlite-query.ts";

/**
 * One connection to the file, shared by the ports of this process. SQLite runs in the calling thread, so whatever
 * happens between two awaits is one step to everybody else in the process.
 */
export class SqliteDatabase {
  readonly storeId: string;
  readonly #connection: SqliteConnection;
  readonly #queries = new Map<string, SqliteQuery<unknown>>();
  #open = true;

  constructor(connection: SqliteConnection, storeId: string) {
    this.#connection = connection;
    this.storeId = storeId;
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
    return this.#transact("BEGIN", body, "STORE_UNAVAILABLE");
  }

  /**
   * A transaction that holds the write lock from its first statement, so nothing that it reads can change before it
   * commits. Durable when it returns. A failed COMMIT may still be found in the file after a crash; a caller for whom
   * that differs from "did not happen" asks for UNKNOWN_OUTCOME.
   */
  write<T>(
    body: () => T,
    commitFailure: "STORE_UNAVAILABLE" | "UNKNOWN_OUTCOME" = "STORE_UNAVAILABLE",
  ): T {
    return this.#transact("BEGIN IMMEDIATE", body, commitFailure);
  }

  /** A number that changes with each commit of any other connection, and with none of this one. */
  dataVersion(): number {
    return this.query<{ data_version: number }>("PRAGMA data_version").one().data_version;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queries.clear();
    try {
      this.#connection.close();
    } catch (error) {
      throw translated(error);
    }
  }

  #transact<T>(begin: string, body: () => T, commitFailure: ErrorCode): T {
    this.query(begin).run();
    let result: T;
    try {
      result = body();
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    this.#commit(commitFailure);
    return result;
  }

  #commit(failure: ErrorCode): void {
    try {
      this.#connection.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      throw translated(error, failure);
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
