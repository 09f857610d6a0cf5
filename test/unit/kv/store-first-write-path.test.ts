import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { closedAfterEach } from "../../contract/closed-after-each.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { deferred } from "../../support/steer.ts";
import { openStoreFirstWorld } from "../../support/store-first-world.ts";

describe("StoreFirstWritePath", () => {
  const open = closedAfterEach(() => openStoreFirstWorld());

  it("writes the row and the copy, and tells the way", async () => {
    const { writes, store, cache, stats, events } = await open();

    const receipt = await writes.write(setOf({ value: "held" }), "direct");

    const row = await store.get("user:1");
    expect(receipt).toEqual({
      key: "user:1",
      version: row!.version,
      method: "ASYNC_THREAD",
      durable: "shadow",
      existed: false,
      latencyMs: 0,
    });
    expect(cache.get("user:1")?.entry).toMatchObject({ value: "held", version: row!.version });
    expect(stats.report()).toMatchObject({ successRate: 1, methods: { ASYNC_THREAD: 1 } });
    expect(events).toEqual([]);
  });

  it("appends an event by the event way, and tells the projector", async () => {
    const { writes, store, outbox, stats, events } = await open();

    const receipt = await writes.write(setOf(), "event");

    expect(receipt).toMatchObject({ method: "EVENT_BASED", durable: "outbox" });
    expect(await store.get("user:1")).toBeUndefined();
    expect((await outbox.unprocessedOf(["user:1"])).get("user:1")).toMatchObject([
      { entry: { version: receipt.version } },
    ]);
    expect(events).toEqual(["onEvent"]);
    expect(stats.report()).toMatchObject({ successRate: null, methods: { EVENT_BASED: 1 } });
  });

  it("deletes, and knows whether there was anything", async () => {
    const { writes, cache } = await open();
    await writes.write(setOf(), "event");

    expect((await writes.write(deleteOf(), "event")).existed).toBe(true);
    expect((await writes.write(deleteOf(), "direct")).existed).toBe(false);
    expect(cache.get("user:1")).toBeUndefined();
  });

  it("fails as the store fails, and keeps the copy that it had", async () => {
    const { writes, store, cache, stats, events } = await open();
    await writes.write(setOf({ value: "first" }), "direct");
    await store.close();

    await expect(writes.write(setOf({ value: "second" }), "direct")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await expect(writes.write(setOf({ value: "second" }), "event")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });

    expect(cache.get("user:1")?.entry.value).toBe("first");
    expect(stats.report()).toMatchObject({ successRate: 0.5, methods: { EVENT_BASED: 0 } });
    expect(events).toEqual([]);
  });

  describe("without an event path", () => {
    const openWithout = closedAfterEach(() => openStoreFirstWorld(() => ({ hasEventPath: false })));

    it("writes the row by either way", async () => {
      const { writes, store } = await openWithout();

      expect(await writes.write(setOf(), "event")).toMatchObject({
        method: "ASYNC_THREAD",
        durable: "shadow",
      });
      expect(await store.get("user:1")).toBeDefined();
    });
  });

  describe("on a slow store", () => {
    const gate = deferred();
    const openSlow = closedAfterEach(() =>
      openStoreFirstWorld((own) => ({
        write: async (...args) => {
          await gate.promise;
          return own.write(...args);
        },
      })),
    );

    it("does not know the outcome after the limit, and its copy follows a late commit", async () => {
      const { writes, reads, pool, clock, stats } = await openSlow();
      const write = writes.write(setOf({ value: "late" }), "direct");
      const failure = write.catch((error: unknown) => LockstepError.codeOf(error));
      await clock.untilSleeping();

      await clock.advance(SYNC_TIMEOUT_MS);

      expect(await failure).toBe("UNKNOWN_OUTCOME");
      expect(stats.report()).toMatchObject({ failureRate: 1, methods: { ASYNC_THREAD: 0 } });
      gate.resolve();
      await pool.idle();
      expect(await reads.read("user:1")).toMatchObject({ value: "late", source: "cache" });
    });
  });
});
