import { describe, expect, it } from "@jest/globals";
import type { SqliteConnection } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { setOf } from "./commands.ts";
import { entryOf, tombstoneOf, versionNo, WRITTEN_MS } from "./entries.ts";
import { describeOutboxContract } from "./outbox-contract.ts";
import { describeSettingsContract } from "./settings-contract.ts";
import { GRACE_MS, LOCK_WAIT_MS, openSqliteHarness, RETENTION_MS } from "./sqlite-harness.ts";
import { describeStoreAuthorityContract } from "./store-authority-contract.ts";
import { describeStoreContract } from "./store-contract.ts";

describeStoreContract("SQLite", openSqliteHarness);
describeOutboxContract("SQLite", openSqliteHarness);
describeSettingsContract("SQLite", openSqliteHarness);
describeStoreAuthorityContract("SQLite", openSqliteHarness, { eventPath: true, changeStamp: true });

describe("SQLite, beyond the ports", () => {
  const open = closedAfterEach(async () => {
    const harness = await openSqliteHarness();
    const { DatabaseSync } = await loadSqlite();
    // What a person with the sqlite3 shell would see and do.
    const shell = new DatabaseSync(harness.file);
    return {
      ...harness,
      shell,
      close: async () => {
        shell.close();
        await harness.close();
      },
    };
  });

  it("keeps the row's columns as the documentation names them", async () => {
    const { store, shell, nowMs } = await open();

    await store.applyNewer([entryOf({ key: "user:{x}", sessionId: "session" })], "ASYNC_THREAD");

    const row = shell.prepare("SELECT * FROM kvshadow").get();
    expect(row).toEqual({
      key: bytes("user:{x}"),
      version: versionNo(1),
      bucket: 16287 % 16,
      deleted: 0,
      last_write_at: WRITTEN_MS,
      expires_at: null,
      purge_at: null,
      sync_method: "ASYNC_THREAD",
      sync_timestamp: nowMs(),
      session_id: bytes("session"),
      interaction_id: null,
      idempotency: null,
      hash: entryOf().hash,
      value: bytes("a value"),
    });
  });

  it("marks for purging what is dead or will be, a grace time later, and nothing else", async () => {
    const { store, shell } = await open();

    await store.applyNewer(
      [
        entryOf({ key: "live" }),
        entryOf({ key: "expires", expiresAtMs: WRITTEN_MS + 500 }),
        tombstoneOf({ key: "deleted" }),
      ],
      "ASYNC_THREAD",
    );

    const purgeAt = (key: string) =>
      shell.prepare("SELECT purge_at FROM kvshadow WHERE key = ?").get(bytes(key));
    expect(purgeAt("live")).toEqual({ purge_at: null });
    expect(purgeAt("expires")).toEqual({ purge_at: WRITTEN_MS + 500 + GRACE_MS });
    expect(purgeAt("deleted")).toEqual({ purge_at: WRITTEN_MS + GRACE_MS });
  });

  it("keeps the event's columns as the documentation names them", async () => {
    const { outbox, shell, nowMs } = await open();

    await outbox.append([tombstoneOf({ key: "user:{x}", interactionId: "interaction" })]);

    expect(shell.prepare("SELECT * FROM outbox WHERE processed = 0").all()).toEqual([
      {
        id: 1,
        type: "KVMutated",
        ts: nowMs(),
        processed: 0,
        state: "live",
        attempts: 0,
        lease_until: 0,
        owner: null,
        processed_at: null,
        op: "delete",
        key: bytes("user:{x}"),
        bucket: 16287 % 16,
        version: versionNo(1),
        expires_at: null,
        session_id: null,
        interaction_id: bytes("interaction"),
        idempotency: null,
        hash: "",
        value: null,
        cause: null,
        dead_at: null,
      },
    ]);
  });

  describe("processed events", () => {
    it("are kept for the retention time, and go with a later batch", async () => {
      const { outbox, shell, elapse } = await open();
      await outbox.append([entryOf({ key: "a" }), entryOf({ key: "b" })]);
      await outbox.markProcessed(["1"]);
      await elapse(RETENTION_MS - 1);

      await outbox.markProcessed(["2"]);
      expect(countOf(shell, "outbox")).toBe(2);
      await elapse(1);
      await outbox.markProcessed([]);

      expect(countOf(shell, "outbox")).toBe(1);
    });

    it("leave parked ones behind, however old", async () => {
      const { outbox, shell, elapse } = await open();
      await outbox.append([entryOf({ key: "a" }), entryOf({ key: "b" })]);
      await outbox.park(["1"], "refused");
      await outbox.markProcessed(["2"]);
      await elapse(2 * RETENTION_MS);

      await outbox.markProcessed([]);

      expect(countOf(shell, "outbox")).toBe(1);
      expect(await outbox.countDead()).toBe(1);
    });

    it("go in bounded portions, and unprocessed ones never, however old", async () => {
      const { outbox, shell, elapse } = await open();
      await outbox.append(
        Array.from({ length: 1501 }, (_, at) => entryOf({ version: versionNo(at) })),
      );
      await outbox.markProcessed(Array.from({ length: 1500 }, (_, at) => String(at + 1)));
      await elapse(2 * RETENTION_MS);

      await outbox.markProcessed([]);
      expect(countOf(shell, "outbox")).toBe(501);
      await outbox.markProcessed([]);

      expect(countOf(shell, "outbox")).toBe(1);
      expect(await outbox.countUnprocessed()).toBe(1);
    });
  });

  describe("one turn", () => {
    it("commits and runs onCommitted before write returns its promise", async () => {
      const { authority, shell } = await open();
      let rowsAtCommit: unknown;

      const write = authority.write(setOf(), {
        to: "shadow",
        onCommitted: () => {
          rowsAtCommit = countOf(shell, "kvshadow");
        },
      });

      expect(rowsAtCommit).toBe(1);
      await write;
    });

    it("reads and runs onLoaded before current returns its promise", async () => {
      const { authority } = await open();
      let isLoaded = false;

      const current = authority.current("user:1", () => {
        isLoaded = true;
      });

      expect(isLoaded).toBe(true);
      await current;
    });
  });

  it("keeps the last seq it minted, so that a clock set back changes no order", async () => {
    const { authority, clock } = await open();
    const first = await authority.write(setOf(), { to: "shadow" });
    clock.setWallClock(clock.nowMs() - 3_600_000);

    const second = await authority.write(setOf({ key: "another" }), { to: "shadow" });

    if (first.outcome !== "written" || second.outcome !== "written") throw new Error("Refused.");
    expect(second.entry.version > first.entry.version).toBe(true);
  });

  describe("trouble", () => {
    it("fails writes with STORE_UNAVAILABLE once another program has held the lock too long, and reads on", async () => {
      const { store, outbox, authority, shell, clock } = await open();
      await store.applyNewer([entryOf()], "ASYNC_THREAD");
      shell.exec("BEGIN IMMEDIATE");

      const writes = [
        store.applyNewer([entryOf({ key: "b" })], "ASYNC_THREAD"),
        store.acquireLease("check", "one", 1000),
        outbox.append([entryOf()]),
        authority.write(setOf(), { to: "shadow" }),
      ].map((write) =>
        expect(write).rejects.toMatchObject({
          code: "STORE_UNAVAILABLE",
          message: expect.stringContaining("locked"),
          cause: expect.any(Error),
        }),
      );
      expect(await store.get("user:1")).toMatchObject({ value: "a value" });
      await clock.advance(LOCK_WAIT_MS);
      await Promise.all(writes);
      shell.exec("COMMIT");

      await authority.write(setOf(), { to: "shadow" });
      expect(await store.countRows()).toBe(1);
    });

    it("writes once another program has let the lock go", async () => {
      const { store, authority, shell, clock } = await open();
      shell.exec("BEGIN IMMEDIATE");
      const writes = Promise.all([
        authority.write(setOf(), { to: "shadow" }),
        authority.write(setOf({ key: "another" }), { to: "shadow" }),
      ]);
      await clock.advance(LOCK_WAIT_MS / 2);

      shell.exec("COMMIT");
      await clock.advance(LOCK_WAIT_MS / 2);

      expect(await writes).toMatchObject([{ outcome: "written" }, { outcome: "written" }]);
      expect(await store.countRows()).toBe(2);
    });

    it.each(["ABORT", "ROLLBACK"])(
      "writes nothing of a call in which one row fails (%s), and works on",
      async (kind) => {
        const { store, shell } = await open();
        shell.exec(`CREATE TRIGGER refuse BEFORE INSERT ON kvshadow
          WHEN NEW.key = x'626164' BEGIN SELECT RAISE(${kind}, 'refused'); END`);

        const call = store.applyNewer(
          ["good", "bad"].map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        await expect(call).rejects.toMatchObject({
          code: "DOCUMENT_REFUSED",
          message: "SQLite: refused.",
        });
        expect(await store.countRows()).toBe(0);
        await store.applyNewer([entryOf({ key: "good" })], "ASYNC_THREAD");
        expect(await store.countRows()).toBe(1);
      },
    );

    it("says UNKNOWN_OUTCOME when the commit itself fails, and does not call onCommitted", async () => {
      const { authority, store, shell } = await open();
      failAtCommit(shell);
      let isTold = false;

      const write = authority.write(setOf(), {
        to: "shadow",
        onCommitted: () => {
          isTold = true;
        },
      });

      await expect(write).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
      expect(isTold).toBe(false);
      await expect(store.applyNewer([entryOf()], "ASYNC_THREAD")).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
      shell.exec("DROP TRIGGER orphan");
      await authority.write(setOf(), { to: "shadow" });
    });
  });
});

/** A foreign key that is only checked at the end makes a COMMIT fail, as a full disk would. */
function failAtCommit(shell: SqliteConnection): void {
  shell.exec(`
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER orphan AFTER INSERT ON kvshadow BEGIN INSERT INTO child VALUES (1); END;
  `);
}

function countOf(shell: SqliteConnection, table: "kvshadow" | "outbox"): number {
  return (shell.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
