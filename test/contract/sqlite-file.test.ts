import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { openSqliteDatabase } from "../../src/store/drivers/sqlite/open-sqlite-database.ts";
import type { SqliteDatabase } from "../../src/store/drivers/sqlite/sqlite-database.ts";
import { SCHEMA_VERSION } from "../../src/store/drivers/sqlite/sqlite-schema.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";

describe("The SQLite file", () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lockstep-file-"));
    file = join(folder, "state", "lockstep.db");
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const open = () =>
    openSqliteDatabase({ file, clock: new ManualClock(), random: new SeededRandom(1) });

  const openAndClose = async () => {
    (await open()).close();
  };

  async function inShell(sql: string): Promise<void> {
    mkdirSync(dirname(file), { recursive: true });
    const { DatabaseSync } = await loadSqlite();
    const shell = new DatabaseSync(file);
    shell.exec(sql);
    shell.close();
  }

  it("is made with its folder, for this user only", async () => {
    const database = await open();
    await database.write(() =>
      database.query("UPDATE state SET value = 1 WHERE name = 'last_seq'").run(),
    );

    const modes = [dirname(file), file, `${file}-wal`].map((path) => statSync(path).mode & 0o777);
    database.close();

    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  it("leaves the mode of a folder that is there already", async () => {
    mkdirSync(dirname(file), { mode: 0o755 });
    chmodSync(dirname(file), 0o755);

    await openAndClose();

    expect(statSync(dirname(file)).mode & 0o777).toBe(0o755);
  });

  it("is a write-ahead log flushed at every commit, on the first open and on later ones", async () => {
    for (const _ of ["first", "later"]) {
      const database = await open();
      const settings = {
        ...database.query<object>("PRAGMA journal_mode").one(),
        ...database.query<object>("PRAGMA synchronous").one(),
      };
      database.close();

      // 2 is FULL.
      expect(settings).toEqual({ journal_mode: "wal", synchronous: 2 });
    }
  });

  it("refuses a file of a newer release, and leaves it as it was", async () => {
    await openAndClose();
    await inShell(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    const before = readFileSync(file);

    await expect(open()).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });

    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it.each([1, 2, 3])(
    "brings a file of layout %i to the newest, with what it holds",
    async (layout) => {
      const columnsOf = (database: SqliteDatabase) =>
        ["outbox", "kvshadow", "bucket_states", "records"].map((table) =>
          database
            .query<{ name: string }>(`PRAGMA table_info(${table})`)
            .all()
            .map(({ name }) => name)
            .toSorted(),
        );
      const made = await open();
      const newest = columnsOf(made);
      made.close();
      const toFirst = `
      DROP INDEX outbox_dead;
      ALTER TABLE outbox DROP COLUMN cause;
      ALTER TABLE outbox DROP COLUMN dead_at;
      ALTER TABLE outbox DROP COLUMN idempotency;
      ALTER TABLE kvshadow DROP COLUMN idempotency;
    `;
      const toSecond = `
      DROP TABLE bucket_states;
      DROP INDEX outbox_bucket_version;
    `;
      await inShell(`
      DROP TABLE records;
      ${layout <= 2 ? toSecond : ""}
      ${layout === 1 ? toFirst : ""}
      UPDATE state SET value = 17 WHERE name = 'last_seq';
      PRAGMA user_version = ${layout};
    `);

      const database = await open();
      const columns = columnsOf(database);
      const lastSeq = database.query("SELECT value FROM state WHERE name = 'last_seq'").one();
      const version = database.query("PRAGMA user_version").one();
      database.close();

      expect(columns).toEqual(newest);
      expect(lastSeq).toEqual({ value: 17 });
      expect(version).toEqual({ user_version: SCHEMA_VERSION });
    },
  );

  it.each([
    ["tables", "CREATE TABLE notes (text TEXT)"],
    ["a layout number", "PRAGMA user_version = 1"],
  ])("refuses another program's database with %s, and leaves it as it was", async (_name, sql) => {
    await inShell(sql);
    const before = readFileSync(file);

    await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });

    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("refuses a file that is no database, and leaves it as it was", async () => {
    mkdirSync(dirname(file));
    const text = "This is a letter, not a database. ".repeat(100);
    writeFileSync(file, text);

    await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });

    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("is CONFIG_INVALID where it cannot be made", async () => {
    writeFileSync(dirname(file), "a file where the folder should be");

    await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("is CONFIG_INVALID where no folder can ever be made, and says so at once", async () => {
    // Linux says of what is missing under /proc that it does not exist, even to those who would make it.
    file = "/proc/lockstep-test/state/lockstep.db";

    await expect(open()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(file),
      hint: expect.stringContaining("LOCKSTEP_SQLITE_FILE"),
    });
  });

  it("is CONFIG_INVALID where a folder stands in its place", async () => {
    mkdirSync(file, { recursive: true });

    await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
