import { describe, expect, it } from "@jest/globals";
import { cacheDown, storeDown } from "../../support/builders.ts";
import { ending, inStep, openReadWorld as openWorld, unsynced } from "../../support/read-world.ts";

describe("CacheFirstReadPath, what the cache holds", () => {
  it("is answered with version, deadline and where it is safe, and the store is not asked", async () => {
    const world = await openWorld();
    await ending(world);

    const answer = await world.read();

    const { meta, nowMs } = await world.seen();
    expect(answer).toEqual({
      found: true,
      value: "first",
      source: "cache",
      version: meta!.version,
      expiresAtMs: nowMs + 5000,
      nowMs,
      durable: "shadow",
    });
    expect(world.calls).toEqual(["cache.observe"]);
  });

  it("is safe in the journal while it is marked", async () => {
    const world = await openWorld();
    await unsynced(world);

    expect(await world.read()).toMatchObject({ found: true, durable: "journal" });
  });

  it("is safe in a place that is not known where the cache keeps no markers", async () => {
    const world = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    await inStep(world);

    expect(await world.read()).toMatchObject({ found: true, durable: null });
  });

  it("is not found once it is deleted, whatever has been put at the key since", async () => {
    const world = await openWorld();
    await inStep(world);
    await world.writer.run(world.writer.direct(null));
    const deleted = await world.read();
    world.redis.set("user:1", "foreign");
    const overwritten = await world.read();
    world.redis.putOther("user:1", "list");

    expect([deleted, overwritten, await world.read()]).toMatchObject(
      Array(3).fill({ found: false, source: "cache" }),
    );
  });

  it("is not found once it has expired, also while it is pinned and still stands there", async () => {
    const world = await openWorld();
    await ending(world, { synced: false });
    await world.clock.advance(4999);
    const before = await world.read();
    await world.clock.advance(1);

    expect(before).toMatchObject({ found: true });
    expect(await world.read()).toMatchObject({ found: false, source: "cache" });
    expect((await world.seen()).value).toBeDefined();
  });

  it("is refused where it is another type, or no text", async () => {
    const world = await openWorld();
    world.redis.putOther("user:1", "list");
    await expect(world.read()).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });

    world.redis.set("user:1", Buffer.from([0xff]));

    await expect(world.read()).rejects.toMatchObject({ code: "VALUE_NOT_TEXT" });
  });
});

describe("CacheFirstReadPath, a value without meta", () => {
  it("that equals the shadow is answered with its version, and stamped", async () => {
    const world = await openWorld();
    await inStep(world);
    const { meta } = await world.seen();
    world.redis.metas.delete("user:1");

    const answer = await world.read();

    expect(answer).toMatchObject({ found: true, version: meta!.version, durable: "shadow" });
    expect((await world.seen()).meta).toEqual(meta);
  });

  it("that differs is answered as it stands, without a version, and left to verification", async () => {
    const world = await openWorld();
    await inStep(world);
    world.redis.metas.delete("user:1");
    world.redis.set("user:1", "foreign", { ttlMs: 5000 });

    const answer = await world.read();

    expect(answer).toMatchObject({
      value: "foreign",
      source: "cache",
      version: null,
      expiresAtMs: world.clock.nowMs() + 5000,
      durable: null,
    });
    expect((await world.seen()).meta).toBeUndefined();
  });

  it("that was changed after the look is answered as it was seen, and not stamped", async () => {
    const world = await openWorld();
    await inStep(world);
    world.redis.metas.delete("user:1");
    world.steered.store.on("get", async (proceed) => {
      world.redis.set("user:1", "foreign");
      return proceed();
    });

    expect(await world.read()).toMatchObject({ value: "first" });

    expect((await world.seen()).meta).toBeUndefined();
  });

  it("with a marker is answered as it stands, and nobody else is asked", async () => {
    const world = await openWorld();
    await unsynced(world);
    world.redis.metas.delete("user:1");

    expect(await world.read()).toMatchObject({ value: "first", version: null, durable: null });

    expect(world.calls).toEqual(["cache.observe"]);
  });

  it("is answered as it stands while the store is down", async () => {
    const world = await openWorld();
    await inStep(world);
    world.redis.metas.delete("user:1");
    world.steered.store.on("get", async () => {
      throw storeDown();
    });

    expect(await world.read()).toMatchObject({ value: "first", version: null });
  });
});

describe("CacheFirstReadPath, the cache down", () => {
  it("answers from the store and says that it may be behind", async () => {
    const world = await openWorld();
    await ending(world);
    world.redis.isUp = false;

    const answer = await world.read();

    expect(answer).toMatchObject({
      found: true,
      value: "first",
      source: "store",
      durable: "shadow",
      nowMs: world.clock.nowMs(),
      warning: expect.stringContaining("may be behind"),
    });
  });

  it("does not find what is not in the store, or has ended there, and says the same", async () => {
    const world = await openWorld();
    world.redis.isUp = false;
    const never = await world.read();
    world.redis.isUp = true;
    await ending(world);
    await world.clock.advance(5000);
    world.redis.isUp = false;

    for (const answer of [never, await world.read()]) {
      expect(answer).toMatchObject({ found: false, source: "store", warning: expect.any(String) });
    }
  });

  it.each(["takeLease", "fill"] as const)(
    "answers too when it falls silent at %s",
    async (step) => {
      const world = await openWorld();
      await inStep(world);
      world.forget();
      world.steered.cache.on(step, async () => {
        throw cacheDown();
      });

      expect(await world.read()).toMatchObject({ value: "first", source: "store" });
    },
  );

  it("fails when the store is down as well", async () => {
    const world = await openWorld();
    world.redis.isUp = false;
    world.steered.store.on("get", async () => {
      throw storeDown();
    });

    await expect(world.read()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  it("hides no other trouble of the cache", async () => {
    const world = await openWorld();
    world.steered.cache.on("observe", async () => {
      throw new TypeError("a bug");
    });

    await expect(world.read()).rejects.toThrow("a bug");
  });
});
