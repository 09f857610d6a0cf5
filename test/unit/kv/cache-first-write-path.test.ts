import { describe, expect, it } from "@jest/globals";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";

describe("CacheFirstWritePath", () => {
  it("mints in the cache, delivers, and tells the way, the version and the time it took", async () => {
    const { writes, past, calls, stats, steered, clock } = await openCacheFirstWorld();
    steered.store.on("applyNewer", async (proceed) => {
      await clock.sleep(30);
      return proceed();
    });

    const receipt = await runThrough(clock, writes.write(setOf({ value: "held" }), "direct"));

    const row = await past.store.get("user:1");
    expect(receipt).toEqual({
      key: "user:1",
      version: row!.version,
      method: "ASYNC_THREAD",
      durable: "shadow",
      existed: null,
      latencyMs: expect.any(Number),
    });
    expect(receipt.latencyMs).toBeGreaterThanOrEqual(30);
    expect(calls).toEqual(["cache.write", "store.applyNewer", "cache.acknowledge"]);
    expect(stats.report().methods).toEqual({ ASYNC_THREAD: 1, EVENT_BASED: 0 });
  });

  it("writes nothing anywhere when the cache is down", async () => {
    const { writes, redis, calls } = await openCacheFirstWorld();
    redis.isUp = false;

    await expect(writes.write(setOf(), "direct")).rejects.toMatchObject({
      code: "CACHE_UNAVAILABLE",
    });

    expect(calls).toEqual(["cache.write"]);
  });

  it("overwrites no other Redis type", async () => {
    const { writes, redis, calls } = await openCacheFirstWorld();
    redis.putOther("user:1", "list");

    await expect(writes.write(setOf(), "direct")).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });

    expect(redis.value("user:1")?.type).toBe("list");
    expect(calls).toEqual(["cache.write"]);
  });

  it("counts nothing as acknowledged that was not", async () => {
    const { writes, steered, stats } = await openCacheFirstWorld({
      maxmemoryPolicy: "allkeys-lru",
    });
    for (const method of ["applyNewer"] as const) {
      steered.store.on(method, async () => {
        throw storeDown();
      });
    }
    steered.outbox.on("append", async () => {
      throw storeDown();
    });

    await expect(writes.write(setOf(), "direct")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });

    expect(stats.report()).toMatchObject({
      failureRate: 1,
      methods: { ASYNC_THREAD: 0, EVENT_BASED: 0 },
    });
  });

  it("asks the shadow whether a deleted key was there only where the cache holds nothing of it", async () => {
    const { writes, calls } = await openCacheFirstWorld();
    await writes.write(setOf(), "direct");
    calls.splice(0);

    const known = await writes.write(deleteOf(), "direct");
    const asked = [...calls];
    const unknown = await writes.write(deleteOf({ key: "user:2" }), "direct");

    expect([known.existed, unknown.existed]).toEqual([true, false]);
    expect(asked).not.toContain("store.get");
    expect(calls).toContain("store.get");
  });

  it("does not know whether a deleted key was there when the shadow does not answer", async () => {
    const { writes, steered, clock } = await openCacheFirstWorld();
    steered.store.on("get", () => new Promise(() => undefined));

    const receipt = await runThrough(clock, writes.write(deleteOf(), "direct"));

    expect(receipt).toMatchObject({ existed: null, durable: "shadow" });
  });

  it("does not take an expired row for a live one", async () => {
    const { writes, clock, redis } = await openCacheFirstWorld();
    await writes.write(setOf({ ttlMs: 1000 }), "direct");
    redis.flush();
    await clock.advance(1000);

    expect((await writes.write(deleteOf(), "direct")).existed).toBe(false);
  });
});
