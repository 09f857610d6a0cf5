import { describe, expect, it } from "@jest/globals";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import { setOf, withId } from "../../contract/commands.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld, SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import type { FakeSnapshot } from "../../support/fake-redis.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

describe("a write that lands after Redis has lost it and recovered", () => {
  /** "older" is in both; "newer" is minted, Redis goes back and recovers, and only then does it land. */
  async function landLate(
    afterRecovery: (world: World) => void = () => undefined,
    maxmemoryPolicy = "volatile-lru",
  ) {
    const world = await openCacheFirstWorld({ maxmemoryPolicy });
    const { clock, redis, recovery, steered, writes } = world;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    const saved = redis.snapshot();
    steered.store.on("applyNewer", async (proceed) => {
      steered.store.on("applyNewer", undefined);
      redis.restart(saved);
      await recovery.recoverAll();
      afterRecovery(world);
      return proceed();
    });
    const write = writes.write(setOf({ value: "newer" }), "direct");
    await expect(runThrough(clock, write)).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    await clock.advance(0);
    return world;
  }

  it("is told to the cache all the same, which drops its older copy", async () => {
    const { past } = await landLate();

    const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];

    expect(cached).toMatchObject({ value: undefined, meta: undefined });
    expect((await past.store.get("user:1"))?.value).toBe("newer");
  });

  it("takes an older value with it whose meta was evicted", async () => {
    const { past } = await landLate(({ redis }) => redis.evict("user:1", "meta"));

    const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];

    expect(cached).toMatchObject({ value: undefined, meta: undefined });
  });

  it("is not undone by a second loss that brings the older copy back", async () => {
    let saved: FakeSnapshot | undefined;
    const { clock, past, recovery, redis } = await landLate((world) => {
      saved = world.redis.snapshot();
    });
    await clock.advance(1000);
    redis.restart(saved);

    await recovery.recoverAll();

    const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];
    expect(cached).toMatchObject({ value: undefined, meta: undefined });
  });

  it.each(["volatile-lru", "allkeys-lru"])(
    "is told again until Redis answers, under %s",
    async (policy) => {
      const { clock, past, redis } = await landLate((world) => {
        world.redis.isUp = false;
      }, policy);
      await clock.advance(5000);
      redis.isUp = true;

      await clock.advance(1000);

      const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];
      expect(cached).toMatchObject({ value: undefined, meta: undefined });
    },
  );
});

describe("a write that lands after Redis has lost it, where the store does not tell its epoch then", () => {
  it.each([
    ["in time", "volatile-lru", "journal"],
    ["late", "volatile-lru", "journal"],
    ["in time", "allkeys-lru", "UNKNOWN_OUTCOME"],
    ["late", "allkeys-lru", "UNKNOWN_OUTCOME"],
  ])("%s under %s, is told to the cache once it does", async (when, maxmemoryPolicy, told) => {
    const world = await openCacheFirstWorld({ maxmemoryPolicy });
    const { clock, past, recovery, redis, steered, steeredStates, writes } = world;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    const saved = redis.snapshot();
    steered.store.on("applyNewer", async (proceed) => {
      redis.restart(saved);
      await recovery.recoverAll();
      if (when === "late") await clock.sleep(SYNC_TIMEOUT_MS + 20);
      steeredStates.on("read", refused);
      return proceed();
    });
    steered.outbox.on("append", refused);
    const answer = writes.write(setOf({ value: "newer" }), "direct").then(
      ({ durable }) => durable,
      ({ code }: { code: string }) => code,
    );
    expect(await runThrough(clock, answer)).toBe(told);
    await clock.advance(5000);
    steeredStates.on("read", undefined);

    await clock.advance(1000);

    const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];
    expect(cached).toMatchObject({ value: undefined, meta: undefined });
    expect((await past.store.get("user:1"))?.value).toBe("newer");
  });

  it("is told though it is only an event and nothing is pinned, so that nobody fills what was before it", async () => {
    const { clock, past, redis, steered, steeredStates, writes } = await openCacheFirstWorld({
      maxmemoryPolicy: "allkeys-lru",
    });
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    const older = await past.store.get("user:1");
    const gate = deferred();
    steered.outbox.on("append", async (proceed) => {
      await gate.promise;
      steeredStates.on("read", refused);
      return proceed();
    });
    const write = writes.write(setOf({ value: "newer" }), "event");
    await expect(runThrough(clock, write)).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    const token = await past.cache.takeLease("user:1");
    gate.resolve();
    await clock.advance(0);
    steeredStates.on("read", undefined);

    await clock.advance(1000);

    expect(await past.cache.fill(older!, token!)).toBe("skipped");
    expect(redis.value("user:1")).toBeUndefined();
  });
});

describe("a write that has landed after a recovery, and whose process is gone", () => {
  it.each(["volatile-lru", "allkeys-lru"])(
    "is not told to a retry while an older copy is read, under %s",
    async (maxmemoryPolicy) => {
      const first = await openCacheFirstWorld({ maxmemoryPolicy });
      const { clock, redis, recovery, steered, writes } = first;
      await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
      const saved = redis.snapshot();
      steered.store.on("applyNewer", async (proceed) => {
        redis.restart(saved);
        await recovery.recoverAll();
        await proceed();
        return new Promise(() => undefined);
      });
      const command = withId("once", setOf({ value: "newer" }));
      void writes.write(command, "direct");
      await clock.advance(0);
      const second = await openCacheFirstWorld({ maxmemoryPolicy, on: first });

      const retried = await runThrough(second.clock, second.writes.write(command, "direct"));

      expect(retried).toMatchObject({ durable: "shadow" });
      expect(await second.reads.read("user:1")).toMatchObject({ value: "newer" });
    },
  );
});

const refused = async () => {
  throw storeDown();
};

type World = Awaited<ReturnType<typeof openCacheFirstWorld>>;
