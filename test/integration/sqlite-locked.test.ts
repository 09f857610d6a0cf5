import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { loadSqlite, type SqliteConnection } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { type StartedLockstep, startLockstep } from "../support/lockstep/start-lockstep.ts";
import { readSqlite } from "../support/lockstep/stored-row.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const lockWaitMs = 600;
const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** In a process of its own, because this one holds the lock and must not stand in its own way. */
function useLockedFile(variables: () => Variables) {
  let folder: string;
  let opened: StartedLockstep | undefined;
  let other: SqliteConnection;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-locked-"));
    opened = await startLockstep({
      LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
      LOCKSTEP_SYNC_TIMEOUT_MS: String(lockWaitMs),
      LOCKSTEP_OUTBOX_INTERVAL_MS: "200",
      ...variables(),
    });
    await opened.call("kv_set", { key: "before", value: "v" });
    const { DatabaseSync } = await loadSqlite();
    other = new DatabaseSync(join(folder, "store.db"));
    other.exec("BEGIN IMMEDIATE");
  });

  afterEach(async () => {
    other.close();
    await opened?.close();
    await rm(folder, { recursive: true });
  });

  return {
    lockstep: () => opened as StartedLockstep,
    unlock: () => other.exec("COMMIT"),
    rows: async () => {
      const store = await readSqlite(join(folder, "store.db"));
      const rows = await store.rows();
      await store.close();
      return rows;
    },
  };
}

/** A server that stood still for each of the writes in turn would need eight times as long. */
const together = lockWaitMs * 3;

describeWith([], "an SQLite file that another program has locked", () => {
  const file = useLockedFile(() => ({}));

  it("has writes refused in time while reads go on, and is written again afterwards", async () => {
    const lockstep = file.lockstep();
    const beganMs = performance.now();

    const refusals = Promise.allSettled(
      keys.map((key) => lockstep.call("kv_set", { key, value: "after" })),
    );
    expect(await lockstep.call("kv_get", { key: "before" })).toMatchObject({ value: "v" });

    const reason = { code: "STORE_UNAVAILABLE", retryable: true };
    expect(await refusals).toMatchObject(keys.map(() => ({ status: "rejected", reason })));
    expect(performance.now() - beganMs).toBeLessThan(together);
    file.unlock();
    const receipt = await waitUntil(() => lockstep.call("kv_set", { key: "a", value: "after" }), {
      what: "writes to be taken again",
    });
    expect(receipt).toMatchObject({ durable: "shadow" });
    expect((await file.rows()).size).toBe(2);
  });
});

describeWith(["redis"], "an SQLite file that another program has locked, beside a Redis", () => {
  let redis: RedisServer;
  const file = useLockedFile(() => ({ REDIS_URL: redis.url }));

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.close());

  it("leaves writes in the journal, and gets them once the lock is gone", async () => {
    const lockstep = file.lockstep();
    const beganMs = performance.now();

    const told = await Promise.all(
      keys.map((key) => lockstep.call("kv_set", { key, value: "after" })),
    );

    expect(told).toMatchObject(keys.map(() => ({ method: "EVENT_BASED", durable: "journal" })));
    expect(performance.now() - beganMs).toBeLessThan(together);
    expect(await lockstep.call("kv_get", { key: "a" })).toMatchObject({
      value: "after",
      durable: "journal",
    });
    file.unlock();
    await waitUntil(
      async () => (await lockstep.call("verify_cache_sync")).cacheVsShadowSync.counts.pending === 0,
      { what: "the journal to drain" },
    );
    const rows = await file.rows();
    for (const { key, version } of told) {
      expect(rows.get(key)).toEqual({ version, value: "after" });
    }
  });
});
