import type { Clock } from "../../../lib/clock.ts";
import type { ErrorCode } from "../../../model/error-table.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { SqliteConnection } from "./load-sqlite.ts";
import { isBusy, translated } from "./sqlite-error.ts";
import { SqliteQuery } from "./sqlite-query.ts";

/** Between two attempts to get the lock: about as long as the thread itself has waited for it. */
const LOCK_RETRY_MS = 20;

export interface SqliteDatabaseParts {
  readonly storeId: string;
  readonly clock: Clock;
  /** How long a write waits for another process' lock, milliseconds. */
  readonly lockWaitMs: number;
}

/**
 * One connection to the file, shared by the ports of this process. SQLite runs in the calling thread, so whatever
 * happens between two awaits is one step to everybody else in the process.
 */
export class SqliteDatabase {
  readonly storeId: string;
  readonly #connection: SqliteConnection;
  readonly #clock: Clock;
  readonly #lockWaitMs: number;
  readonly #queries = new Map<string, SqliteQuery<unknown>>();
  #lockPause: Promise<void> | undefined;
  #open = true;

  constructor(connection: SqliteConnection, { storeId, clock, lockWaitMs }: SqliteDatabaseParts) {
    this.#connection = connection;
    this.storeId = storeId;
    this.#clock = clock;
    this.#lockWaitMs = lockWaitMs;
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
    return this.#complete(body, "STORE_UNAVAILABLE");
  }

  /**
   * A transaction that holds the write lock from its first statement, so nothing that it reads can change before it
   * commits. Durable when it resolves; `onCommitted` runs in the same turn of the event loop as the commit. While
   * another process holds the lock, this one goes on with everything else. A failed COMMIT may still be found in the
   * file after a crash; a caller for whom that differs from "did not happen" asks for UNKNOWN_OUTCOME.
   */
  async write<T>(
    body: () => T,
    {
      commitFailure = "STORE_UNAVAILABLE",
      onCommitted,
    }: {
      readonly commitFailure?: "STORE_UNAVAILABLE" | "UNKNOWN_OUTCOME";
      readonly onCommitted?: (result: T) => void;
    } = {},
  ): Promise<T> {
    const deadlineMs = this.#clock.monotonicMs() + this.#lockWaitMs;
    for (;;) {
      const isLast = this.#clock.monotonicMs() >= deadlineMs;
      // Whoever waits for the lock waits together and one tries for all, since each attempt holds up the thread.
      if (isLast || this.#lockPause === undefined) {
        const refused = this.#lock();
        if (refused === undefined) break;
        if (isLast) throw refused;
      }
      await this.#pause();
    }
    // No await from the lock to the end: all calls of this process share the connection.
    const result = this.#complete(body, commitFailure);
    onCommitted?.(result);
    return result;
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

  #pause(): Promise<void> {
    this.#lockPause ??= this.#clock.sleep(LOCK_RETRY_MS).then(() => {
      this.#lockPause = undefined;
    });
    return this.#lockPause;
  }

  /** The rest of a transaction that has begun. */
  #complete<T>(body: () => T, commitFailure: ErrorCode): T {
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
