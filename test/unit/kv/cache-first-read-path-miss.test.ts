import { describe, expect, it } from "@jest/globals";
import { storeDown } from "../../support/builders.ts";
import { ending, inStep, openReadWorld as openWorld } from "../../support/read-world.ts";

describe("CacheFirstReadPath, no value", () => {
  it("is filled from the shadow, clean, and the next reader is served by the cache", async () => {
    const world = await openWorld();
    await ending(world);
    world.forget();

    const first = await world.read();

    expect(first).toMatchObject({ value: "first", source: "store", durable: "shadow" });
    expect(await world.read()).toMatchObject({ value: "first", source: "cache" });
    expect(await world.seen()).toMatchObject({
      markerSeq: undefined,
      ttlMs: 5000,
      metaTtlMs: 5000,
    });
  });

  it("is filled too where only the value was evicted", async () => {
    const world = await openWorld({ maxmemoryPolicy: "volatile-lru" });
    await inStep(world);
    world.redis.evict("user:1", "value");

    expect(await world.read()).toMatchObject({ value: "first", source: "store" });

    expect((await world.seen()).value?.text).toBe("first");
  });

  it("is not found and not filled where someone removed an unsynced write", async () => {
    const world = await openWorld();
    await inStep(world);
    await world.writer.run(world.writer.direct("second").slice(0, 1));
    world.redis.del("user:1");

    expect(await world.read()).toMatchObject({ found: false, source: "cache" });

    expect((await world.seen()).value).toBeUndefined();
  });

  it("is not found and not filled where someone must have removed it", async () => {
    const world = await openWorld();
    await inStep(world);
    world.redis.del("user:1");
    const proven = await world.read();

    world.redis.evictedKeys = 1;

    expect(proven).toMatchObject({ found: false, source: "cache" });
    expect(await world.read()).toMatchObject({ found: true, source: "store" });
  });

  it("is not found where the shadow has none, or has it deleted or expired, and is not filled", async () => {
    const world = await openWorld();
    expect(await world.read()).toMatchObject({ found: false, source: "store" });

    await ending(world);
    await world.clock.advance(5001);
    expect(await world.read()).toMatchObject({ found: false, source: "store" });

    await world.writer.run(world.writer.direct(null));
    world.forget();
    expect(await world.read()).toMatchObject({ found: false, source: "store" });
    expect((await world.seen()).value).toBeUndefined();
  });

  it("is answered but not filled while another reader holds the lease", async () => {
    const world = await openWorld();
    await inStep(world);
    world.forget();
    await world.past.cache.takeLease("user:1");

    expect(await world.read()).toMatchObject({ value: "first", source: "store" });

    expect((await world.seen()).value).toBeUndefined();
  });

  it.each(["first", "second", "third"] as const)(
    "is not filled with what was read before a write, whose %s step comes between look and fill",
    async (until) => {
      const world = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
      await inStep(world);
      world.forget();
      const steps = world.writer.direct("newer");
      const before = steps.splice(0, { first: 0, second: 1, third: 2 }[until]);
      await world.writer.run(before);
      world.forget();
      world.steered.store.on("get", async (proceed) => {
        const row = await proceed();
        await world.writer.run(steps.splice(0, 1));
        world.forget();
        return row;
      });

      await world.read();
      world.steered.store.on("get", undefined);
      await world.writer.run(steps);

      expect(await world.read()).toMatchObject({ value: "newer" });
    },
  );

  it("is not found where reading through is switched off, and the store is not asked", async () => {
    const world = await openWorld({ readThrough: false });
    await inStep(world);
    world.forget();

    expect(await world.read()).toMatchObject({ found: false, source: "cache" });

    expect(world.calls).toEqual(["cache.observe"]);
  });

  it("fails where the store does not answer either", async () => {
    const world = await openWorld();
    world.steered.store.on("get", async () => {
      throw storeDown();
    });

    await expect(world.read()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});

describe("CacheFirstReadPath, unpinned", () => {
  it("serves a write that only the outbox has, rather than the older shadow", async () => {
    const world = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    await inStep(world);
    await world.writer.run(world.writer.byEvent("second").slice(0, 3));
    world.forget();

    expect(await world.read()).toMatchObject({
      value: "second",
      source: "store",
      durable: "outbox",
    });
    expect(await world.read()).toMatchObject({ value: "second", source: "cache" });
  });

  it("serves the shadow where it is newer than every event that waits", async () => {
    const world = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    await world.writer.run(world.writer.byEvent("first").slice(0, 3));
    await world.writer.run(world.writer.direct("second"));
    world.forget();

    expect(await world.read()).toMatchObject({ value: "second", durable: "shadow" });
  });

  it("does not find what a delete in the outbox has ended", async () => {
    const world = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    await inStep(world);
    await world.writer.run(world.writer.byEvent(null).slice(0, 3));
    world.forget();

    expect(await world.read()).toMatchObject({ found: false, source: "store" });
  });

  it.each([
    ["was changed", "value = x'6f74686572'"],
    ["was nulled", "value = NULL"],
  ])("refuses a stored value that %s by another hand, and does not fill it", async (_what, set) => {
    const world = await openWorld();
    await inStep(world);
    world.forget();
    world.database.query(`UPDATE kvshadow SET ${set}`).run();

    await expect(world.read()).rejects.toMatchObject({ code: "VALUE_CORRUPT" });

    expect((await world.seen()).value).toBeUndefined();
  });
});
