import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { loadSqlite, type SqliteConnection } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import type { Caller } from "../support/lockstep/caller.ts";
import { openLockstep } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const soon = {
  LOCKSTEP_OUTBOX_ATTEMPTS_MAX: "2",
  LOCKSTEP_OUTBOX_INTERVAL_MS: "200",
  LOCKSTEP_SYNC_OBJECTIVE_MS: "500",
};
const byEvent = { ...soon, LOCKSTEP_SYNC_MODE: "event-only" };

/** The parked events, once there are so many. */
function untilParked(lockstep: Caller, count: number) {
  return waitUntil(
    async () => {
      const list = await lockstep.call("outbox_dead_letters");
      return list.events.length === count ? list : undefined;
    },
    { what: `${count} parked events` },
  );
}

describeWith(["redis", "mongodb"], "a MongoDB that refuses a document", () => {
  const backends = useBackends();

  /** A rule as an administrator sets it; {} lifts it. */
  async function setRule(validator: object): Promise<void> {
    await backends.database.command({ collMod: "kvshadow", validator });
  }
  const rule = { lastValue: { $not: /^forbidden/ } };

  it("takes every other write meanwhile, and the refused one after a replay", async () => {
    const lockstep = await backends.open(byEvent);
    await setRule(rule);

    const poison = await lockstep.call("kv_set", { key: "poison", value: "forbidden" });
    const keys = Array.from({ length: 20 }, (_, i) => `good:${i}`);
    await Promise.all(keys.map((key) => lockstep.call("kv_set", { key, value: "fine" })));

    const parked = await untilParked(lockstep, 1);
    expect(poison).toMatchObject({ method: "EVENT_BASED", durable: "outbox" });
    expect(parked).toMatchObject({
      events: [
        {
          key: "poison",
          version: poison.version,
          cause: expect.stringContaining("failed validation"),
          attempts: 2,
          since: expect.any(String),
        },
      ],
      truncated: false,
      cursor: null,
    });
    await waitUntil(async () => (await backends.rows.countDocuments()) === keys.length);
    // Acknowledged is acknowledged: everybody reads it, and the verifier says where it is.
    expect(await lockstep.call("kv_get", { key: "poison" })).toMatchObject({ value: "forbidden" });
    expect(await backends.markers()).toBe(1);
    expect(await lockstep.call("verify_key_sync", { key: "poison" })).toMatchObject({
      verdict: "overdue",
    });
    expect(await lockstep.call("hybrid_sync_stats")).toMatchObject({ unprocessedOutboxEvents: 1 });
    await expect(lockstep.call("force_sync_repair", { key: "poison" })).rejects.toMatchObject({
      code: "DOCUMENT_REFUSED",
      hint: expect.stringContaining("outbox_dead_letters"),
    });

    await setRule({});
    expect(await lockstep.call("outbox_replay")).toEqual({ replayed: 1, left: 0 });
    await backends.untilSynced();

    expect(await backends.rowOf("poison")).toMatchObject({ version: poison.version });
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      unprocessedOutboxEvents: 0,
      overallSyncHealth: "HEALTHY",
    });
  });

  it("parks again what is replayed while the rule still stands", async () => {
    const lockstep = await backends.open(byEvent);
    await setRule(rule);
    for (const key of ["a", "b"]) await lockstep.call("kv_set", { key, value: "forbidden" });
    const { events } = await untilParked(lockstep, 2);

    const ids = [events[0]!.id];
    expect(await lockstep.call("outbox_replay", { ids })).toEqual({ replayed: 1, left: 1 });

    await untilParked(lockstep, 2);
  });

  it("leaves a later write of the key alone, and a late replay covers nothing newer", async () => {
    const lockstep = await backends.open(byEvent);
    await setRule(rule);
    await lockstep.call("kv_set", { key: "poison", value: "forbidden" });
    await untilParked(lockstep, 1);

    const later = await lockstep.call("kv_set", { key: "poison", value: "allowed" });
    await waitUntil(async () => (await backends.rowOf("poison"))?.version === later.version);
    await waitUntil(async () => (await backends.markers()) === 0);
    // The event is marked as processed only after the row and the acknowledgement.
    const verdict = await waitUntil(async () => {
      const seen = await lockstep.call("verify_key_sync", { key: "poison" });
      return seen.verdict !== "pending" && seen;
    });
    await setRule({});
    await lockstep.call("outbox_replay");
    await backends.untilSynced();

    expect(verdict).toMatchObject({ verdict: "ok" });
    expect(await backends.rowOf("poison")).toMatchObject({
      lastValue: "allowed",
      version: later.version,
    });
  });

  it("does not lose a direct write that it refuses either", async () => {
    const lockstep = await backends.open(soon);
    await setRule(rule);

    const poison = await lockstep.call("kv_set", { key: "poison", value: "forbidden" });
    const good = await lockstep.call("kv_set", { key: "good", value: "fine" });

    expect(poison).toMatchObject({ method: "EVENT_BASED" });
    expect(good).toMatchObject({ method: "ASYNC_THREAD", durable: "shadow" });
    expect(await untilParked(lockstep, 1)).toMatchObject({
      events: [{ key: "poison", version: poison.version }],
    });
    await setRule({});
    await lockstep.call("outbox_replay");
    await backends.untilSynced();
    expect(await backends.rowOf("poison")).toMatchObject({ version: poison.version });
  });
});

describe("an SQLite file that refuses a row", () => {
  let folder: string;
  let lockstep: Caller;
  let shell: SqliteConnection;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-poison-"));
    const file = join(folder, "store.db");
    lockstep = await openLockstep({ LOCKSTEP_SQLITE_FILE: file, ...byEvent });
    const { DatabaseSync } = await loadSqlite();
    shell = new DatabaseSync(file);
    shell.exec("PRAGMA busy_timeout = 5000");
  });

  afterEach(async () => {
    shell.close();
    await lockstep.close();
    await rm(folder, { recursive: true });
  });

  it("takes every other write meanwhile, and the refused one after a replay", async () => {
    shell.exec(`CREATE TRIGGER rule BEFORE INSERT ON kvshadow
      WHEN NEW.value = CAST('forbidden' AS BLOB) BEGIN SELECT RAISE(ABORT, 'against the rule'); END`);

    const poison = await lockstep.call("kv_set", { key: "poison", value: "forbidden" });
    await lockstep.call("kv_set", { key: "good", value: "fine" });

    expect(await untilParked(lockstep, 1)).toMatchObject({
      events: [{ key: "poison", version: poison.version, cause: "SQLite: against the rule." }],
    });
    expect(await lockstep.call("verify_key_sync", { key: "good" })).toMatchObject({
      verdict: "ok",
    });
    expect(await lockstep.call("kv_get", { key: "poison" })).toMatchObject({ value: "forbidden" });
    expect(await lockstep.call("verify_key_sync", { key: "poison" })).toMatchObject({
      verdict: "overdue",
    });
    shell.exec("DROP TRIGGER rule");
    expect(await lockstep.call("outbox_replay")).toEqual({ replayed: 1, left: 0 });
    await waitUntil(
      async () => (await lockstep.call("verify_key_sync", { key: "poison" })).verdict === "ok",
    );
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      unprocessedOutboxEvents: 0,
      overallSyncHealth: "HEALTHY",
    });
  });
});
