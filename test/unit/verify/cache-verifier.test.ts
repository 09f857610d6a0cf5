import { describe, expect, it } from "@jest/globals";
import { NAMED_KEYS_MAX } from "../../../src/model/key.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { lookerWith } from "../../support/looking.ts";
import { PLANTS, plantIn } from "../../support/plants.ts";
import { runThrough } from "../../support/run-through.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { verifierIn } from "../../support/verifier-in.ts";

async function openWorld(maxmemoryPolicy = "noeviction") {
  const world = await openCacheFirstWorld({ maxmemoryPolicy });
  const verifier = verifierIn(world);
  const write = async (key: string, value = "first") => {
    const writer = new ScriptedWriter(world, key);
    await writer.run(writer.direct(value));
  };
  return { ...world, verifier, write };
}

describe("CacheVerifier", () => {
  it("finds an empty pair of stores healthy", async () => {
    const { verifier } = await openWorld();

    expect(await verifier.verify()).toMatchObject({
      keysChecked: 0,
      mismatches: [],
      truncated: false,
      healthy: true,
      unprocessedOutboxEvents: 0,
      stale: { keys: [], count: 0, thresholdHours: 24 },
    });
  });

  it("counts every key once, on one side or both, over many pages", async () => {
    const world = await openWorld();
    for (let i = 0; i < 450; i += 1) await world.write(`both:${i}`);
    for (let i = 0; i < 230; i += 1) world.redis.set(`foreign:${i}`, "value");
    for (let i = 0; i < 100; i += 1) {
      world.redis.del(`both:${i}`);
      world.redis.metas.delete(`both:${i}`);
    }

    const report = await world.verifier.verify();

    expect(report.keysChecked).toBe(680);
    expect(report.counts).toMatchObject({ ok: 350, cold: 100, unmanaged: 230 });
    expect(report.healthy).toBe(true);
  });

  it.each(PLANTS)("names the one key that is $copyClass among others: $what", async (plant) => {
    const world = await openWorld();
    await plantIn(world, plant);
    await world.write("user:2");

    const report = await world.verifier.verify();

    expect(report.mismatches).toEqual([{ key: "user:1", copyClass: plant.copyClass }]);
    expect(report.counts[plant.copyClass]).toBe(1);
    expect(report).toMatchObject({ keysChecked: 2, healthy: false, truncated: false });
  });

  it("waits only once for all suspects where Redis may evict anything", async () => {
    const world = await openWorld("allkeys-lru");
    for (let i = 0; i < 450; i += 1) await world.write(`user:${i}`);
    for (const i of [0, 200, 449]) world.redis.set(`user:${i}`, "foreign");
    const waits: number[] = [];
    const looker = lookerWith(world, {
      pause: async (ms) => {
        waits.push(ms);
      },
    });
    const verifier = verifierIn({ ...world, looker });

    const report = await verifier.verify();

    expect(report.counts).toMatchObject({ ok: 447, changed_outside: 3 });
    expect(waits).toHaveLength(1);
  });

  it("names the first keys only, and says so", async () => {
    const world = await openWorld();
    for (let i = 0; i <= NAMED_KEYS_MAX; i += 1) {
      await world.write(`user:${i}`);
      world.redis.set(`user:${i}`, "foreign");
    }

    const report = await world.verifier.verify();

    expect(report.mismatches).toHaveLength(NAMED_KEYS_MAX);
    expect(report.counts.changed_outside).toBe(NAMED_KEYS_MAX + 1);
    expect(report.truncated).toBe(true);
  });

  it("keeps to the prefix, taken literally, on both sides", async () => {
    const world = await openWorld();
    for (const key of ["a*:1", "ab:1", "a*", "b"]) await world.write(key);
    for (const key of ["a*:2", "ax:2"]) world.redis.set(key, "foreign");

    const report = await world.verifier.verify({ prefix: "a*" });

    expect(report.counts).toMatchObject({ ok: 2, unmanaged: 1 });
    expect(report.keysChecked).toBe(3);
  });

  it("lists keys that were not written for a day, which is no issue", async () => {
    const world = await openWorld();
    await world.write("old");
    await world.clock.advance(24 * 3_600_000 + 1);
    await world.write("young");

    const report = await world.verifier.verify();

    expect(report.stale).toEqual({ keys: ["old"], count: 1, thresholdHours: 24 });
    expect(report.healthy).toBe(true);
  });

  it("reports what waits, which is no issue either", async () => {
    const world = await openWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.byEvent("first").slice(0, 2));

    const report = await world.verifier.verify();

    expect(report).toMatchObject({ unprocessedOutboxEvents: 1, healthy: true });
    expect(report.counts.pending).toBe(1);
  });

  it("waits once for a page of suspects where the cache may drop anything", async () => {
    const world = await openWorld("allkeys-lru");
    for (const key of ["user:1", "user:2"]) await world.past.cache.write(setOf({ key }));
    const startedMs = world.clock.monotonicMs();

    const report = await runThrough(world.clock, world.verifier.verify());

    expect(report.counts.missing).toBe(2);
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(2 * 2250);
  });

  it("tells its progress, and never more than there is to do", async () => {
    const world = await openWorld();
    for (let i = 0; i < 250; i += 1) await world.write(`user:${i}`);
    world.redis.set("foreign", "value");
    const told: [number, number][] = [];

    await world.verifier.verify({ progress: (...now) => void told.push(now) });

    expect(told[0]).toEqual([8, 250]);
    expect(told.at(-1)).toEqual([251, 251]);
    expect(told.every(([done, total]) => done <= total)).toBe(true);
  });

  it("stops between two pages when it is cancelled", async () => {
    const world = await openWorld();
    for (let i = 0; i < 450; i += 1) await world.write(`user:${i}`);
    const cancel = new AbortController();
    const seen: number[] = [];

    const verified = world.verifier.verify({
      signal: cancel.signal,
      progress: (done) => {
        seen.push(done);
        cancel.abort();
      },
    });

    await expect(verified).rejects.toMatchObject({ code: "ABORTED" });
    expect(seen).toEqual([8]);
  });
});
