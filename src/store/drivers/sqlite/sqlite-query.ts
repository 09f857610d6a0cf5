import { LockstepError } from "../../../model/lockstep-error.ts";
import type { SqliteStatement, SqlValue } from "./load-sqlite.ts";
import { statementError, translated } from "./sqlite-error.ts";

/** A prepared statement whose rows have the shape `Row`. Its failures are STORE_UNAVAILABLE, and of {@link run} also DOCUMENT_REFUSED. */
export class SqliteQuery<Row> {
  readonly #statement: SqliteStatement;

  constructor(statement: SqliteStatement) {
    this.#statement = statement;
  }

  /** Runs it and tells how many rows it changed. */
  run(...values: SqlValue[]): number {
    try {
      return Number(this.#statement.run(...values).changes);
    } catch (error) {
      throw statementError(error);
    }
  }

  get(...values: SqlValue[]): Row | undefined {
    try {
      return this.#statement.get(...values) as Row | undefined;
    } catch (error) {
      throw translated(error);
    }
  }

  /** The row of a question that always has one. */
  one(...values: SqlValue[]): Row {
    const row = this.get(...values);
    if (row === undefined) throw new LockstepError("INTERNAL", "A row is missing in the store.");
    return row;
  }

  all(...values: SqlValue[]): Row[] {
    try {
      return this.#statement.all(...values) as Row[];
    } catch (error) {
      throw translated(error);
    }
  }
}
