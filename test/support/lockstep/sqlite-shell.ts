import {
  loadSqlite,
  type SqliteConnection,
} from "../../../src/store/drivers/sqlite/load-sqlite.ts";

/** Another program on the SQLite file of a store, with a connection of its own. */
export class SqliteShell {
  readonly #connection: SqliteConnection;

  private constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  static async open(file: string): Promise<SqliteShell> {
    const { DatabaseSync } = await loadSqlite();
    const connection = new DatabaseSync(file);
    connection.exec("PRAGMA busy_timeout = 5000");
    return new SqliteShell(connection);
  }

  /** Changes the row of a key; `assignment` is SQL. */
  editRow(key: string, assignment: string): void {
    this.#changeOne(`UPDATE kvshadow SET ${assignment} WHERE key = ?`, key);
  }

  deleteRow(key: string): void {
    this.#changeOne("DELETE FROM kvshadow WHERE key = ?", key);
  }

  /** Makes the event of a key one that another process has claimed; its row stays as it is. */
  holdBack(key: string): void {
    const held = "processed = 0, processed_at = NULL, lease_until = 1e15, owner = 'another'";
    this.#changeOne(`UPDATE outbox SET ${held} WHERE processed = 1 AND key = ?`, key);
  }

  /** How many events of a key wait to be applied. */
  waiting(key: string): number {
    const sql = "SELECT count(*) AS events FROM outbox WHERE processed = 0 AND key = ?";
    const { events } = this.#connection.prepare(sql).get(Buffer.from(key)) as { events: number };
    return events;
  }

  /** Changes with each commit of anybody else, whatever it was about. */
  commits(): number {
    const { data_version } = this.#connection.prepare("PRAGMA data_version").get() as {
      data_version: number;
    };
    return data_version;
  }

  close(): void {
    this.#connection.close();
  }

  #changeOne(sql: string, key: string): void {
    const { changes } = this.#connection.prepare(sql).run(Buffer.from(key));
    if (Number(changes) !== 1) throw new Error(`${changes} rows of ${key} were changed.`);
  }
}
