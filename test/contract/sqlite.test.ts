import { describe, expect, it } from "@jest/globals";
import type { SqliteConnection } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { describeBucketStatesContract } from "./bucket-states-contract.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { ifAbsent, setOf, withId } from "./commands.ts";
import { entryOf, tombstoneOf, versionNo, WRITTEN_MS } from "./entries.ts";
import { describeOutboxContract } from "./outbox-contract.ts";
import { describePurgeContract } from "./purge-contract.ts";
import { describeRecordsContract } from "./records-contract.ts";
import { describeSettingsContract } from "./settings-contract.ts";
import { GRACE_MS, LOCK_WAIT_MS, openSqliteHarness, RETENTION_MS } from "./sqlite-harness.ts";
import { describeStatementLifeContract } from "./statement-life-contract.ts";
import { describeStoreAuthorityContract } from "./store-authority-contract.ts";
import { describeStoreContract } from "./store-contract.ts";

describeStoreContract("SQLite", openSqliteHarness);
describeOutboxContract("SQLite", openSqliteHarness);
describeSettingsContract("SQLite", openSqliteHarness);
describeBucketStatesContract("SQLite", openSqliteHarness);
describePurgeContract("SQLite", openSqliteHarness);
describeRecordsContract("SQLite", openSqliteHarness);
describeStatementLifeContract("SQLite", openSqliteHarness);
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
    it("commits all writes that came in it together, and only then runs the first onCommitted", async () => {
      const { authority, outbox, store, shell } = await open();
      const seen: unknown[] = [];
      const look = () => {
        seen.push([countOf(shell, "kvshadow"), countOf(shell, "outbox")]);
      };

      await Promise.all([
        authority.write(setOf({ key: "a" }), { to: "shadow", onCommitted: look }),
        authority.write(setOf({ key: "b" }), { to: "outbox", onCommitted: look }),
        outbox.append([entryOf({ key: "c" })]),
        store.applyNewer([entryOf({ key: "d" })], "EVENT_BASED"),
      ]);

      expect(seen).toEqual([
        [2, 2],
        [2, 2],
      ]);
    });

    it("replaces every copy before anyone can look", async () => {
      const { authority } = await open();
      const held: string[] = [];
      const seen: string[][] = [];
      const keys = ["a", "b", "c"];

      await Promise.all(
        keys.map(async (key) => {
          const onCommitted = () => void held.push(key);
          await authority.write(setOf({ key }), { to: "shadow", onCommitted });
          seen.push([...held]);
        }),
      );

      expect(seen).toEqual([keys, keys, keys]);
    });

    it("judges each write on what those before it wrote, and answers each by itself", async () => {
      const { authority, store } = await open();
      const to = "shadow";
      const judged = withId("id", setOf({ key: "b" }));

      const [first, conflict, moved, once, again, reused, last] = await Promise.all([
        authority.write(ifAbsent(setOf({ value: "first" })), { to }),
        authority.write(ifAbsent(setOf({ value: "second" })), { to }),
        authority.write(setOf({ value: "third" }), { to, guard: { version: null } }),
        authority.write(judged, { to }),
        authority.write(judged, { to }),
        authority.write(withId("id", setOf({ key: "b", value: "other" })), { to }),
        authority.write(setOf({ key: "c" }), { to }),
      ]);

      const version = (await store.get("user:1"))?.version;
      expect(first).toMatchObject({ outcome: "written", entry: { version } });
      expect(conflict).toMatchObject({ outcome: "conflict", standing: { version } });
      expect(moved).toEqual({ outcome: "moved", version });
      if (once.outcome !== "written" || last.outcome !== "written") throw new Error("Refused.");
      expect(again).toMatchObject({ outcome: "repeated", version: once.entry.version });
      expect(reused).toEqual({ outcome: "reused" });
      expect(last.entry.version > once.entry.version).toBe(true);
      expect((await store.get("user:1"))?.value).toBe("first");
      expect(await store.countRows()).toBe(3);
    });

    it.each(["ABORT", "ROLLBACK"])(
      "keeps the writes beside one that the store refuses (%s), each told once",
      async (kind) => {
        const { authority, outbox, store, shell } = await open();
        refuse(shell, kind);
        const told: string[] = [];
        const keys = ["a", "bad", "b", "bad", "c"];

        const answers = await Promise.allSettled(
          keys.map((key) =>
            authority.write(setOf({ key }), {
              to: "shadow",
              onCommitted: () => void told.push(key),
            }),
          ),
        );

        const written = { status: "fulfilled", value: { outcome: "written" } };
        const refused = { status: "rejected", reason: { code: "DOCUMENT_REFUSED" } };
        expect(answers).toMatchObject([written, refused, written, refused, written]);
        expect(told).toEqual(["a", "b", "c"]);
        expect(await store.countRows()).toBe(3);
        await outbox.append([entryOf()]);
        expect(await outbox.countUnprocessed()).toBe(1);
      },
    );

    it("takes as many as come", async () => {
      const { authority, store } = await open();

      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, at) =>
          authority.write(setOf({ key: `key ${at}` }), { to: "shadow" }),
        ),
      );

      const versions = answers.map((one) => (one.outcome === "written" ? one.entry.version : ""));
      expect(versions).toEqual(versions.toSorted());
      expect(new Set(versions).size).toBe(300);
      expect(await store.countRows()).toBe(300);
    });

    it("is not waited for when the file is closed: what had come is written", async () => {
      const { authority, store, shell } = await open();
      const write = authority.write(setOf(), { to: "shadow" });

      await store.close();

      expect(await write).toMatchObject({ outcome: "written" });
      expect(countOf(shell, "kvshadow")).toBe(1);
      await expect(authority.write(setOf(), { to: "shadow" })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
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
        refuse(shell, kind);

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

    it("fails all writes of a commit that fails, each with its own code, and what was refused as it was", async () => {
      const { authority, outbox, store, shell } = await open();
      failAtCommit(shell);
      refuse(shell, "ABORT");
      const to = "shadow";

      const answers = await Promise.allSettled([
        authority.write(setOf(), { to }),
        authority.write(ifAbsent(setOf()), { to }),
        authority.write(setOf({ key: "bad" }), { to }),
        outbox.append([entryOf()]),
      ]);

      expect(answers).toMatchObject(
        ["UNKNOWN_OUTCOME", "UNKNOWN_OUTCOME", "DOCUMENT_REFUSED", "STORE_UNAVAILABLE"].map(
          (code) => ({ status: "rejected", reason: { code } }),
        ),
      );
      expect(await store.countRows()).toBe(0);
      expect(await outbox.countUnprocessed()).toBe(0);
    });
  });
});

function refuse(shell: SqliteConnection, kind: string): void {
  shell.exec(`CREATE TRIGGER refuse BEFORE INSERT ON kvshadow
    WHEN NEW.key = x'626164' BEGIN SELECT RAISE(${kind}, 'refused'); END`);
}

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
