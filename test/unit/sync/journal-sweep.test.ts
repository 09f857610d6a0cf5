import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { SWEEP_AGE_MS, entryOf as sweptEntry } from "../../../src/sync/journal-sweep.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { entryOf, tombstoneOf } from "../../contract/entries.ts";
import { cacheDown, copyOf, observationOf, storeDown } from "../../support/builders.ts";
import { type CacheFirstOptions, openCacheFirstWorld } from "../../support/cache-first-world.ts";

async function openWorld(options: CacheFirstOptions = {}) {
  const world = await openCacheFirstWorld(options);
  return {
    ...world,
    signal: new AbortController().signal,
    /** Writes that their calls have left behind. */
    leaveBehind: async (...keys: readonly string[]) => {
      for (const key of keys) {
        await world.past.cache.write(setOf({ key, value: `value of ${key}` }));
        await world.clock.advance(1);
      }
      await world.clock.advance(SWEEP_AGE_MS);
    },
    isPending: async (key: string) => (await world.past.cache.observe([key]))[0]!.markerSeq,
  };
}

describe("JournalSweep", () => {
  it("brings what was left behind to the shadow, then clears its marker", async () => {
    const { sweep, signal, leaveBehind, past, calls } = await openWorld();
    await leaveBehind("a", "b");

    expect(await sweep.run(signal)).toBe(2);

    expect(await past.store.get("a")).toMatchObject({
      value: "value of a",
      syncMethod: "EVENT_BASED",
    });
    expect(await past.cache.countPending(0)).toBe(0);
    expect(calls.slice(0, 4)).toEqual([
      "cache.pendingOlderThan",
      "cache.contents",
      "store.applyNewer",
      "cache.acknowledge",
    ]);
  });

  it("tells a Redis of what an earlier one minted once it has the store's epoch, though its marker is gone", async () => {
    const { sweep, signal, leaveBehind, past, recovery, redis, clock, isPending } =
      await openWorld();
    await leaveBehind("a");
    await past.bucketStates.raiseEpoch(bucketOf("a"), "another server");

    await expect(sweep.run(signal)).rejects.toMatchObject({ code: "RECOVERING" });

    expect(await past.store.get("a")).toMatchObject({ value: "value of a" });
    expect(await isPending("a")).toBeDefined();
    redis.markers.delete("a");
    redis.metas.delete("a");
    await recovery.recoverAll();
    redis.set("a", "what another Redis has brought back");
    await clock.advance(1000);
    expect(redis.value("a")).toBeUndefined();
  });

  it("brings a delete over as a delete", async () => {
    const { sweep, signal, leaveBehind, past, clock } = await openWorld();
    await leaveBehind("a");
    await sweep.run(signal);
    await past.cache.write(deleteOf({ key: "a" }));
    await clock.advance(SWEEP_AGE_MS);

    expect(await sweep.run(signal)).toBe(1);

    expect(await past.store.get("a")).toMatchObject({ value: null });
  });

  it("leaves a write to its own call for a second", async () => {
    const { sweep, signal, past, clock } = await openWorld();
    await past.cache.write(setOf({ key: "a" }));
    await clock.advance(SWEEP_AGE_MS - 1);

    expect(await sweep.run(signal)).toBe(0);

    expect(await past.store.get("a")).toBeUndefined();
  });

  it("never takes an absent value for a delete", async () => {
    const { sweep, signal, leaveBehind, past, redis, isPending } = await openWorld();
    await leaveBehind("a");
    redis.del("a");

    expect(await sweep.run(signal)).toBe(0);

    expect(await past.store.get("a")).toBeUndefined();
    expect(await isPending("a")).toBeDefined();
  });

  it("passes over keys that cannot be synced and still reaches those behind them", async () => {
    const stuck = ["gone", "foreign", "list", "no meta", "no text"];
    const { sweep, signal, leaveBehind, past, redis } = await openWorld({ batchSize: 1 });
    await leaveBehind(...stuck, "good 1", "good 2", "good 3");
    redis.del("gone");
    redis.set("foreign", "other");
    redis.putOther("list", "list");
    redis.metas.delete("no meta");
    redis.set("no text", Buffer.from([0xff]));

    expect(await sweep.run(signal)).toBe(3);

    const rows = await past.store.getMany([...stuck, "good 1", "good 2", "good 3"]);
    expect([...rows.keys()].sort()).toEqual(["good 1", "good 2", "good 3"]);
    expect(await past.cache.countPending(0)).toBe(stuck.length);
  });

  it("goes on until nothing is left, batch by batch", async () => {
    const { sweep, signal, leaveBehind, past, calls } = await openWorld({ batchSize: 1 });
    const keys = Array.from({ length: 20 }, (_, at) => `left:${at}`);
    await leaveBehind(...keys);

    expect(await sweep.run(signal)).toBe(20);

    expect(await past.cache.countPending(0)).toBe(0);
    expect(calls.filter((call) => call === "store.applyNewer")).toHaveLength(20);
    expect(calls.filter((call) => call === "cache.pendingOlderThan")).toHaveLength(2);
  });

  it("acknowledges what the shadow has, where that is newer than the copy", async () => {
    const { sweep, signal, leaveBehind, past } = await openWorld();
    await leaveBehind("a");
    const newer = entryOf({ key: "a", version: "9".repeat(24), value: "newer" });
    await past.store.applyNewer([newer], "ASYNC_THREAD");

    await sweep.run(signal);

    expect((await past.cache.observe(["a"]))[0]).toMatchObject({
      value: undefined,
      meta: undefined,
      markerSeq: undefined,
    });
    expect(await past.store.get("a")).toMatchObject({ value: "newer" });
  });

  it("keeps the marker of a write that came while the older one was brought over", async () => {
    const { sweep, signal, leaveBehind, past, steered, isPending } = await openWorld();
    await leaveBehind("a");
    steered.store.on("applyNewer", async (proceed) => {
      await past.cache.write(setOf({ key: "a", value: "newer" }));
      return proceed();
    });

    await sweep.run(signal);

    expect(await past.store.get("a")).toMatchObject({ value: "value of a" });
    expect(await isPending("a")).toBeDefined();
  });

  it("repeats its work without harm when it stops between the shadow and the acknowledgement", async () => {
    const { sweep, signal, leaveBehind, past, steered } = await openWorld();
    await leaveBehind("a");
    steered.cache.on("acknowledge", async () => {
      throw cacheDown();
    });
    await expect(sweep.run(signal)).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
    steered.cache.on("acknowledge", undefined);

    expect(await sweep.run(signal)).toBe(1);

    expect(await past.cache.countPending(0)).toBe(0);
  });

  it("loses nothing while the store is down", async () => {
    const { sweep, signal, leaveBehind, past, steered } = await openWorld();
    await leaveBehind("a");
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });

    await expect(sweep.run(signal)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    expect(await past.cache.countPending(0)).toBe(1);
  });

  it("brings what was marked before the policy was changed to one that may evict anything", async () => {
    const { sweep, signal, leaveBehind, past, redis } = await openWorld();
    await leaveBehind("a");
    redis.maxmemoryPolicy = "allkeys-lru";
    await past.cache.refreshPolicy();

    expect(await sweep.run(signal)).toBe(1);

    expect(await past.store.get("a")).toMatchObject({ value: "value of a" });
    expect(await past.cache.countPending(0)).toBe(0);
  });

  it("asks for few values at once where they are large", async () => {
    const { sweep, signal, past, clock, steered } = await openWorld();
    for (let i = 0; i < 20; i += 1) {
      await past.cache.write(setOf({ key: `large:${i}`, value: "x".repeat(1_000_000) }));
    }
    await clock.advance(SWEEP_AGE_MS + 1);
    const asked: number[] = [];
    steered.cache.on("contents", (proceed, [keys]) => {
      asked.push((keys as readonly string[]).length);
      return proceed();
    });

    expect(await sweep.run(signal)).toBe(20);

    expect(asked).toEqual([8, 4, 4, 4]);
  });

  it("begins nothing once it is stopped", async () => {
    const { sweep, leaveBehind, calls } = await openWorld();
    await leaveBehind("a");

    expect(await sweep.run(AbortSignal.abort())).toBe(0);

    expect(calls).toEqual([]);
  });
});

describe("what a sweep takes for a write", () => {
  const entry = entryOf({ expiresAtMs: 1 });
  const whole = { ...copyOf(entry), markerSeq: 1 };

  it("is the value with its meta, deadline included, also past it", () => {
    expect(sweptEntry(observationOf(whole))).toEqual(entry);
  });

  it("is a tombstone where no value stands", () => {
    const tombstone = tombstoneOf();

    expect(sweptEntry(observationOf(copyOf(tombstone)))).toEqual(tombstone);
    expect(sweptEntry(observationOf({ ...copyOf(tombstone), value: whole.value }))).toBeUndefined();
  });

  it("is nothing where value or meta is missing, or they do not belong together", () => {
    const other = copyOf(entryOf({ value: "other" })).value;

    for (const changed of [
      { ...whole, value: undefined },
      { ...whole, meta: undefined },
      { ...whole, value: other },
      { ...whole, value: { ...whole.value!, isText: false } },
      { ...whole, value: undefined, foreignType: "list" },
    ]) {
      expect(sweptEntry(observationOf(changed))).toBeUndefined();
    }
  });
});
