import { describe, expect, it } from "@jest/globals";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

describe("ack cache, pinned", () => {
  it("answers once Redis has the write, and the store follows", async () => {
    const { writes, steered, past, pool } = await openCacheFirstWorld();
    const gate = deferred();
    steered.store.on("applyNewer", async (proceed) => {
      await gate.promise;
      return proceed();
    });

    const receipt = await writes.write(setOf(), "direct", "cache");

    expect(receipt).toMatchObject({ durable: "journal", method: "EVENT_BASED" });
    expect(await past.store.get("user:1")).toBeUndefined();
    gate.resolve();
    await pool.idle();
    expect(await past.store.get("user:1")).toMatchObject({ version: receipt.version });
  });

  it("does not ask the store whether a deleted key was there", async () => {
    const { writes, calls } = await openCacheFirstWorld();

    const receipt = await writes.write(deleteOf(), "direct", "cache");

    expect(receipt.existed).toBeNull();
    expect(calls).not.toContain("store.get");
  });

  it("leaves the write to the sweep where the store does not take it", async () => {
    const { writes, steered, pool, past } = await openCacheFirstWorld();
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });

    await writes.write(setOf(), "direct", "cache");
    await pool.idle();

    expect(await past.cache.countPending(0)).toBe(1);
  });
});

describe("ack cache, pinned, with full batches waiting", () => {
  it("leaves more to the sweep, which takes the newest of each key", async () => {
    const { writes, past, pool, sweep, clock } = await openCacheFirstWorld({ concurrency: 1 });
    const gate = deferred();
    const others = Array.from({ length: 3 }, () =>
      pool.run(() => gate.promise, { limitMs: 60_000 }),
    );

    const first = await writes.write(setOf({ value: "1" }), "direct", "cache");
    const second = await writes.write(setOf({ value: "2" }), "direct", "cache");
    gate.resolve();
    await Promise.all(others);
    await clock.advance(0);
    const before = await past.store.get("user:1");
    await clock.advance(1500);
    await sweep.run(new AbortController().signal);

    expect(first.durable).toBe("journal");
    expect(before).toBeUndefined();
    expect(await past.store.get("user:1")).toMatchObject({ version: second.version });
    expect(await past.cache.countPending(0)).toBe(0);
  });
});

describe("ack cache, unpinned", () => {
  it("waits for the store: a cache that may drop the write cannot acknowledge it", async () => {
    const { writes } = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });

    expect(await writes.write(setOf(), "direct", "cache")).toMatchObject({ durable: "shadow" });
    expect(await writes.write(setOf(), "event", "cache")).toMatchObject({ durable: "outbox" });
  });
});

describe("ack shadow", () => {
  it("answers at once where the shadow has the write", async () => {
    const { writes, calls } = await openCacheFirstWorld();

    expect(await writes.write(setOf(), "direct", "shadow")).toMatchObject({ durable: "shadow" });
    expect(calls).not.toContain("store.get");
  });

  it("waits for the event to be applied", async () => {
    const { writes, projector, clock } = await openCacheFirstWorld();
    const writing = writes.write(setOf(), "event", "shadow");
    await clock.untilSleeping();

    projector.start();
    const receipt = await runThrough(clock, writing);
    await projector.stop();

    expect(receipt).toMatchObject({ durable: "shadow", method: "EVENT_BASED" });
    expect(receipt.latencyMs).toBeLessThanOrEqual(2250);
  });

  it.each([
    ["hangs", () => new Promise(() => undefined)],
    ["refuses", () => Promise.reject(storeDown())],
  ])("fails in time where the store %s, and says that the write stands", async (_how, answer) => {
    const { writes, steered, clock, past } = await openCacheFirstWorld();
    steered.store.onEvery(answer);
    const beforeMs = clock.monotonicMs();

    const failing = runThrough(clock, writes.write(setOf(), "direct", "shadow"));

    await expect(failing).rejects.toMatchObject({
      code: "TIMED_OUT",
      message: expect.stringContaining("The write stands"),
      hint: expect.stringContaining("Do not write again"),
    });
    expect(clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(2400);
    expect(await past.cache.countPending(0)).toBe(1);
  });
});
