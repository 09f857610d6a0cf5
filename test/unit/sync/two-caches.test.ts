import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { epochOf } from "../../../src/model/version.ts";
import { EpochCheck } from "../../../src/sync/epoch-check.ts";
import { JournalLedger } from "../../../src/sync/journal-ledger.ts";
import { Recovery } from "../../../src/sync/recovery.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { FakeRedis } from "../../support/fake-redis.ts";
import { FakeRedisCache } from "../../support/fake-redis-cache.ts";

/** A process on the Redis that was there first, and another Redis with a recovery of its own, both on one store. */
async function openWorld() {
  const first = await openCacheFirstWorld();
  const { clock, random, log, past } = first;
  const redis = new FakeRedis({ clock, maxmemoryPolicy: "noeviction" });
  redis.run = "the run of the other one";
  const cache = new FakeRedisCache(redis, { random });
  const recovery = new Recovery({
    ...past,
    cache,
    ledger: new JournalLedger(),
    clock,
    log,
    waitMs: 2000,
  });
  cache.buckets.onLost((bucket) => recovery.whenLost(bucket));
  await cache.bindStore(await past.store.storeId());
  await recovery.recoverAll();
  const write = async (value: string) => {
    const written = await cache.write(setOf({ key: "a", value }));
    if (written.outcome !== "written") throw new Error("The write was refused.");
    await past.store.applyNewer([written.entry], "ASYNC_THREAD");
    const left = await new EpochCheck(past.bucketStates, clock).leftBehind([written.entry]);
    return left.size === 0 ? "acknowledged" : "unknown";
  };
  const cached = async () => (await cache.observe(["a"]))[0]?.value?.text;
  return { first, other: { cache, recovery, write, cached } };
}

describe("two Redis servers on one store", () => {
  it("never acknowledge under one epoch: whoever comes back outranks the other, which then has to come back itself", async () => {
    const { first, other } = await openWorld();
    const { writes, recovery, past } = first;
    const set = (value: string) => writes.write(setOf({ key: "a", value }), "direct");
    expect(await other.write("of the other")).toBe("acknowledged");

    await expect(set("first")).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    await recovery.recoverAll();
    expect(await set("first again")).toMatchObject({ durable: "shadow" });

    expect(await other.write("unheard")).toBe("unknown");
    await other.recovery.recoverAll();
    expect(await other.cached()).toBeUndefined();
    expect((await past.store.get("a"))?.value).toBe("first again");
    expect(await other.write("of the other again")).toBe("acknowledged");
    await expect(set("unheard")).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
  });

  it("do not raise the epoch without end, and say what is wrong", async () => {
    const { first, other } = await openWorld();

    for (let round = 1; round <= 3; round += 1) {
      await Promise.all([first.recovery.recoverAll(), other.recovery.recoverAll()]);
      await other.recovery.recoverAll();
    }

    const [state] = await first.past.bucketStates.read([bucketOf("a")]);
    expect(state?.epoch).toBeLessThanOrEqual(2 + 3 * 3);
    expect(first.log.told).toContain(
      "error: Another Redis is used with the same store, so neither can acknowledge writes: let all processes use one",
    );
  });

  it("is no matter for two processes of one Redis, which take over the epoch that was raised last", async () => {
    const { first } = await openWorld();
    const { past, redis, clock, log, recovery, ledger } = first;
    const second = new Recovery({ ...past, ledger, clock, log, waitMs: 2000 });
    redis.restart();

    await Promise.all([recovery.recoverAll(), second.recoverAll()]);

    const states = await past.cache.buckets.states();
    const stored = await past.bucketStates.read(states.map(({ bucket }) => bucket));
    expect(states.every(({ isCurrent }) => isCurrent)).toBe(true);
    expect(states.map(({ epoch }) => epoch)).toEqual(stored.map(({ epoch }) => epoch));
    const written = await past.cache.write(setOf({ key: "a" }));
    expect(written).toMatchObject({ outcome: "written" });
    if (written.outcome !== "written") return;
    expect(epochOf(written.entry.version)).toBe(stored[bucketOf("a")]?.epoch);
    expect(log.told.join()).not.toContain("Another Redis");
  });
});
