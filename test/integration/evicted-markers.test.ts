import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Nothing says any more that these writes wait, so nobody brings them over until they are repaired. */
const unmarked = [
  { key: "new", value: "told by the journal", stored: null },
  { key: "overwritten", value: "told by the journal", stored: "older" },
  { key: "deleted", value: null, stored: "older" },
] as const;

describeWith(["redis", "mongodb"], "a Redis that is told to evict anything", () => {
  const backends = useBackends({
    args: ["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"],
  });

  it("may lose the markers of writes that wait, which verification names and a repair brings over", async () => {
    // Where nothing is marked, an issue counts only after the longest call, which each verification waits for.
    const lockstep = await backends.open({ LOCKSTEP_SYNC_TIMEOUT_MS: "300" });
    const authority = async () => (await lockstep.app.health()).authority;
    const read = async (key: string) => (await lockstep.call("kv_get", { key })).value;
    const safe = await lockstep.call("kv_set", { key: "safe", value: "told by the store" });
    for (const { key, stored } of unmarked) {
      if (stored !== null) await lockstep.call("kv_set", { key, value: stored });
    }
    await backends.fault.set({ commands: ["update", "insert"], errorCode: 96 });
    for (const { key, value } of unmarked) {
      const told =
        value === null
          ? await lockstep.call("kv_delete", { key })
          : await lockstep.call("kv_set", { key, value });
      expect(told.durable).toBe("journal");
    }

    await backends.client.config("SET", "maxmemory-policy", "allkeys-lru");
    await waitUntil(async () => (await authority()) === "cache-first-unpinned", {
      withinMs: 20_000,
      what: "the policy to be noticed",
    });
    await backends.client.unlink(await backends.client.keys("lockstep:p:*"));
    await backends.fault.lift();

    const report = await waitUntil(() => lockstep.call("verify_cache_sync"));
    expect(report.overallSyncHealth).toBe("ISSUES_DETECTED");
    const named = report.cacheVsShadowSync.mismatches.map((one) => [one.key, one.class] as const);
    expect(new Map(named)).toEqual(new Map(unmarked.map(({ key }) => [key, "missing"])));
    for (const { key, stored } of unmarked) {
      expect((await backends.rowOf(key))?.lastValue ?? null).toBe(stored);
      await lockstep.call("force_sync_repair", { key });
    }

    for (const { key, value } of unmarked) {
      expect(await read(key)).toBe(value);
      expect((await backends.rowOf(key))?.lastValue).toBe(value);
    }
    expect(await lockstep.call("kv_get", { key: "safe" })).toMatchObject({
      value: "told by the store",
      version: safe.version,
    });
    expect((await lockstep.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");
  });
});
