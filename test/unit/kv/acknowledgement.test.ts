import { describe, expect, it } from "@jest/globals";
import type { Route } from "../../../src/kv/write-path.ts";
import type { WriteCommand } from "../../../src/model/write-command.ts";
import { deleteOf, setOf, withId } from "../../contract/commands.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld, SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import type { FakeSnapshot } from "../../support/fake-redis.ts";
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

describe("ack shadow, of a write that lands after its direct attempt was given up", () => {
  /** "older" is in both; "newer" lands 20 ms late, and the store's answer to it is lost. */
  async function writeLate(meanwhile: (world: World, saved: FakeSnapshot) => Promise<void>) {
    const world = await openCacheFirstWorld();
    const { clock, past, redis, steered, writes } = world;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    const saved = redis.snapshot();
    steered.store.on("applyNewer", async (proceed) => {
      await meanwhile(world, saved);
      await clock.sleep(SYNC_TIMEOUT_MS + 20);
      await proceed();
      return new Promise(() => undefined);
    });
    const answer = await runThrough(clock, told(world, setOf({ value: "newer" }), "direct"));
    expect(await past.store.get("user:1")).toMatchObject({ value: "newer" });
    return { ...world, answer };
  }

  const lose = async ({ redis, recovery }: World, saved: FakeSnapshot) => {
    redis.restart(saved);
    await recovery.recoverAll();
  };

  it("answers where Redis still has it", async () => {
    const { answer } = await writeLate(async () => undefined);

    expect(answer).toBe("shadow");
  });

  it("does not know the outcome where Redis has lost it and recovered before, and tells Redis", async () => {
    const { answer, clock, reads } = await writeLate(lose);

    await clock.advance(0);

    expect(answer).toBe("UNKNOWN_OUTCOME");
    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });

  it("fails in time where the store does not tell which, and tells Redis once it does", async () => {
    const { answer, clock, reads, steeredStates } = await writeLate(async (world, saved) => {
      await lose(world, saved);
      world.steeredStates.on("read", async () => {
        await world.clock.sleep(10_000);
        throw storeDown();
      });
    });
    const answeredMs = clock.monotonicMs();
    steeredStates.on("read", undefined);

    await clock.advance(11_000);

    expect(answer).toBe("TIMED_OUT");
    expect(answeredMs).toBeLessThanOrEqual(2400);
    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });

  it("does not know the outcome of a retry whose event came after Redis had lost it and recovered", async () => {
    const first = await openCacheFirstWorld();
    const { clock, redis, recovery, steered, writes } = first;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    const saved = redis.snapshot();
    steered.outbox.on("append", async (proceed) => {
      redis.restart(saved);
      await recovery.recoverAll();
      await proceed();
      return new Promise(() => undefined);
    });
    const command = withId("once", setOf({ value: "newer" }));
    void writes.write(command, "event");
    await clock.advance(0);
    const second = await openCacheFirstWorld({ on: first });
    const answer = told(second, command, "direct");
    await second.clock.advance(0);
    await second.reads.read("user:1");
    second.steered.cache.on("acknowledge", () => new Promise(() => undefined));

    void second.projector.drain(new AbortController().signal);

    expect(await runThrough(second.clock, answer)).toBe("UNKNOWN_OUTCOME");
    expect(await second.past.store.get("user:1")).toMatchObject({ value: "newer" });
  });
});

/** What a caller who waits for the shadow is told: where the write is durable, or the code of the error. */
function told({ writes }: World, command: WriteCommand, route: Route): Promise<string> {
  return writes.write(command, route, "shadow").then(
    ({ durable }) => durable,
    ({ code }: { code: string }) => code,
  );
}

type World = Awaited<ReturnType<typeof openCacheFirstWorld>>;
