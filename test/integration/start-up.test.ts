import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { freePort } from "../support/servers/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

const soon = { LOCKSTEP_SYNC_TIMEOUT_MS: "500", LOCKSTEP_OUTBOX_INTERVAL_MS: "500" };

describeWith(["redis", "mongodb"], "starting up", () => {
  const backends = useBackends();

  it("succeeds while both stores are down, tells so, and works once they have come up", async () => {
    await Promise.all([backends.redis.stop(), backends.mongo.stop()]);
    const lockstep = await backends.open(soon);

    expect(lockstep.app.tools.map(({ name }) => name)).toContain("kv_set");
    expect(await lockstep.app.health()).toMatchObject({
      ready: false,
      authority: "undecided",
      cache: { kind: "redis", up: false, cause: expect.stringContaining("ECONNREFUSED") },
      store: { kind: "mongodb", up: false, cause: expect.stringMatching(/MongoDB|no answer/) },
    });
    for (const [tool, args] of [
      ["kv_set", { key: "a", value: "v" }],
      ["kv_delete", { key: "a" }],
      ["hybrid_sync_manual", { key: "a", value: "v" }],
      ["get_cache_ttl_info", {}],
      ["verify_key_sync", { key: "a" }],
      ["force_sync_repair", { key: "a" }],
    ] as const) {
      await expect(lockstep.call(tool, args)).rejects.toMatchObject({
        code: "CACHE_UNAVAILABLE",
        retryable: true,
        hint: expect.stringContaining("/ready"),
      });
    }
    const [read, verified, stats, load] = await Promise.allSettled([
      lockstep.call("kv_get", { key: "a" }),
      lockstep.call("verify_cache_sync"),
      lockstep.call("hybrid_sync_stats"),
      lockstep.call("hybrid_sync_load_check"),
    ]);
    expect(read).toMatchObject({ reason: { code: "STORE_UNAVAILABLE" } });
    expect(verified).toMatchObject({ reason: { code: expect.stringMatching(/_UNAVAILABLE$/) } });
    expect(stats).toMatchObject({ value: { unprocessedOutboxEvents: null } });
    expect(load).toMatchObject({ status: "fulfilled" });

    await backends.redis.restart();
    await waitUntil(async () => (await lockstep.app.health()).cache.up);
    // This Redis is new, and nobody knows yet to which store it will belong.
    const early = lockstep.call("kv_set", { key: "a", value: "v" });
    await expect(early).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    await backends.mongo.start();
    const receipt = await waitUntil(() => lockstep.call("kv_set", { key: "a", value: "v" }), {
      what: "the first write",
    });
    await backends.untilSynced();
    expect(await backends.rowOf("a")).toMatchObject({ version: receipt.version });
    const healthy = await waitUntil(async () => {
      const health = await lockstep.app.health();
      return health.ready && health;
    });
    expect(healthy.authority).toBe("cache-first-pinned");
  });

  it("without a Redis leaves reads to the store, with a warning, and refuses writes", async () => {
    const before = await backends.open();
    await before.call("kv_set", { key: "a", value: "v" });
    const nowhere = { REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
    const lockstep = await backends.open(nowhere);

    const read = await lockstep.call("kv_get", { key: "a" });
    const write = lockstep.call("kv_set", { key: "a", value: "w" });

    await expect(write).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
    expect(read).toMatchObject({
      value: "v",
      source: "store",
      warning: expect.stringContaining("may be behind"),
    });
    expect(await lockstep.call("kv_get", { key: "b" })).toMatchObject({ found: false });
    expect(await lockstep.app.health()).toMatchObject({
      ready: false,
      cache: { up: false },
      store: { up: true },
    });
  });

  it("without its store trusts the one that Redis names, and writes to the journal", async () => {
    const before = await backends.open();
    await before.call("kv_set", { key: "a", value: "v" });
    await before.close();

    await backends.mongo.stop();
    const lockstep = await backends.open(soon);
    const told = await lockstep.call("kv_set", { key: "b", value: "w" });
    const read = await lockstep.call("kv_get", { key: "a" });
    await backends.mongo.start();

    expect(told).toMatchObject({ method: "EVENT_BASED", durable: "journal" });
    expect(read).toMatchObject({ value: "v", source: "cache" });
    await backends.untilSynced();
    expect(await backends.rowOf("b")).toMatchObject({ version: told.version });
  });

  it.each([{ more: {} }, { more: { REDIS_URL: "" } }])(
    "refuses a MongoDB database that a newer release has written (%j)",
    async ({ more }) => {
      const state = backends.database.collection<{ _id: string; schemaVersion: number }>(
        "lockstep_state",
      );
      await state.insertOne({ _id: "store", schemaVersion: 99 });

      await expect(backends.open(more)).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
      await expect(backends.startProcess(more)).rejects.toThrow(/SCHEMA_TOO_NEW/);
    },
  );
});
