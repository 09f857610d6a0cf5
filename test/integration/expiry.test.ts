import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

describeWith(["redis", "mongodb"], "times to live", () => {
  const backends = useBackends();

  it("end on both sides at once, and by the deadline alone while the store lacks the write", async () => {
    const lockstep = await backends.open({ LOCKSTEP_SYNC_TIMEOUT_MS: "1000" });
    const { client } = backends;
    await lockstep.call("kv_set", { key: "staying", value: "v", ttlSec: 1 });
    // A write without a TTL takes the one before it away.
    await lockstep.call("kv_set", { key: "staying", value: "for ever" });
    const synced = await lockstep.call("kv_set", { key: "synced", value: "v", ttlSec: 1 });
    await backends.fault.set({ commands: ["update"], errorCode: 96 });
    const unsynced = await lockstep.call("kv_set", { key: "unsynced", value: "v", ttlSec: 2 });

    expect([synced.durable, unsynced.durable]).toEqual(["shadow", "journal"]);
    expect(await lockstep.call("kv_get", { key: "unsynced" })).toMatchObject({ found: true });
    const gone = async (key: string) => !(await lockstep.call("kv_get", { key })).found;
    await waitUntil(async () => (await gone("synced")) && (await gone("unsynced")));

    expect(await client.exists("synced", "lockstep:m:synced")).toBe(0);
    // Redis goes on holding it, without a TTL: nothing may evict what the store lacks.
    expect(await client.get("unsynced")).toBe("v");
    expect(await client.pttl("unsynced")).toBe(-1);
    for (const [key, verdict] of [
      ["synced", "expired"],
      ["unsynced", "pending"],
      ["staying", "ok"],
    ] as const) {
      expect(await lockstep.call("verify_key_sync", { key })).toMatchObject({ verdict });
    }

    await backends.fault.lift();
    await backends.untilSynced();
    expect(await client.exists("unsynced")).toBe(0);
    expect(await backends.rowOf("unsynced")).toMatchObject({ version: unsynced.version });
    expect(await gone("unsynced")).toBe(true);
    expect(await lockstep.call("kv_delete", { key: "synced" })).toMatchObject({ existed: false });
    expect(await lockstep.call("kv_get", { key: "staying" })).toMatchObject({
      value: "for ever",
      ttlSec: null,
    });
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
      cacheVsShadowSync: { counts: { expired: 1, deleted: 1, ok: 1 } },
    });
  });

  it("are the same for value and meta in Redis", async () => {
    const lockstep = await backends.open();

    await lockstep.call("kv_set", { key: "a", value: "v", ttlSec: 100 });

    const [value, meta] = await Promise.all([
      backends.client.pttl("a"),
      backends.client.pttl("lockstep:m:a"),
    ]);
    expect(value).toBeGreaterThan(90_000);
    expect(value).toBeLessThanOrEqual(100_000);
    // Asked one after the other.
    expect(Math.abs(value - meta)).toBeLessThan(50);
  });

  it("of the residency end a copy, and never the key", async () => {
    const lockstep = await backends.open({ LOCKSTEP_RESIDENCY_TTL_SEC: "1" });
    await lockstep.call("kv_set", { key: "a", value: "v" });

    expect(await lockstep.call("kv_get", { key: "a" })).toMatchObject({
      source: "cache",
      ttlSec: null,
    });
    await waitUntil(async () => (await backends.client.exists("a")) === 0, {
      what: "the residency to end",
    });

    expect(await lockstep.call("verify_key_sync", { key: "a" })).toMatchObject({ verdict: "cold" });
    const read = await lockstep.call("kv_get", { key: "a" });
    expect(read).toMatchObject({ value: "v", source: "store", ttlSec: null });
    expect(await backends.client.pttl("a")).toBeGreaterThan(0);
  });

  it("are listed with those that end soon first, in pages that leave none out", async () => {
    const lockstep = await backends.open({ LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000" });
    for (const [key, ttlSec] of [
      ["soon", 60],
      ["later", 3_600],
      ["much later", 7_200],
    ] as const) {
      await lockstep.call("kv_set", { key, value: "v", ttlSec });
    }
    await lockstep.call("kv_set", { key: "for ever", value: "v" });
    await lockstep.call("kv_set", { key: "gone", value: "v" });
    await lockstep.call("kv_delete", { key: "gone" });
    await backends.client.set("of another program", "v", "EX", 30);
    await backends.fault.set({ commands: ["update"], errorCode: 96 });
    await lockstep.call("kv_set", { key: "unsynced", value: "v", ttlSec: 120 });

    const all = await lockstep.call("get_cache_ttl_info", { expiringWithinSec: 200 });
    const paged: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const args: Readonly<Record<string, unknown>> = cursor === "" ? {} : { cursor };
      const page: Awaited<ReturnType<typeof list>> = await list({ limit: 2, ...args });
      paged.push(...page.keys.map(({ key }) => key));
      expect(page.total).toBe(6);
      cursor = page.cursor;
    }

    expect(all.keys.map(({ key, expiring }) => [key, expiring])).toEqual([
      ["of another program", true],
      ["soon", true],
      ["unsynced", true],
      ["later", false],
      ["much later", false],
      ["for ever", false],
    ]);
    expect(all).toMatchObject({ total: 6, truncated: false, cursor: null });
    expect(all.keys.at(-1)?.ttlSec).toBeNull();
    expect(paged.toSorted()).toEqual(all.keys.map(({ key }) => key).toSorted());

    function list(args: Readonly<Record<string, unknown>>) {
      return lockstep.call("get_cache_ttl_info", args);
    }
  });
});
