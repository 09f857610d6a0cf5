import { beforeEach, describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { closedAfterEach } from "../../contract/closed-after-each.ts";
import { deleteOf, ifAbsent, setOf, withId } from "../../contract/commands.ts";
import { SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";
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

  it("refuses what the store refuses, by its code", async () => {
    const { writes } = await open();
    const first = await writes.write(withId("id", setOf()), "direct");

    await expect(writes.write(ifAbsent(setOf()), "direct")).rejects.toMatchObject({
      code: "VERSION_CONFLICT",
      message: expect.stringContaining(first.version),
    });
    await expect(writes.write(withId("id", deleteOf()), "direct")).rejects.toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
  });

  it("gives a repetition the first answer, wherever the write is by now", async () => {
    const { writes, stats } = await open();
    const [row, event] = [withId("id", setOf({ key: "a" })), withId("id", setOf({ key: "b" }))];
    const first = [await writes.write(row, "direct"), await writes.write(event, "event")];

    const again = [await writes.write(row, "event"), await writes.write(event, "direct")];

    expect(again.map(({ version, durable }) => [version, durable])).toEqual(
      first.map(({ version, durable }) => [version, durable]),
    );
    expect(stats.report().methods).toEqual({ ASYNC_THREAD: 1, EVENT_BASED: 1 });
  });

  it("writes the row where the caller waits for the shadow, and as told where it waits for the cache", async () => {
    const { writes } = await open();

    expect(await writes.write(setOf(), "event", "shadow")).toMatchObject({ durable: "shadow" });
    expect(await writes.write(setOf(), "event", "cache")).toMatchObject({ durable: "outbox" });
  });

  it("says that a repetition stands which the row does not have in time", async () => {
    const { writes, clock } = await open();
    const command = withId("id", setOf());
    await writes.write(command, "event");

    const failing = runThrough(clock, writes.write(command, "direct", "shadow"));

    await expect(failing).rejects.toMatchObject({ code: "TIMED_OUT" });
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
    let gate = deferred();
    beforeEach(() => {
      gate = deferred();
    });
    const openSlow = closedAfterEach(() =>
      openStoreFirstWorld((own) => ({
        groupsWrites: false,
        // Already on its way to the server, so nobody asks any more whether it is still wanted.
        write: async (command, { to, onCommitted = () => undefined }) => {
          await gate.promise;
          return own.write(command, { to, onCommitted });
        },
      })),
    );
    const openWaiting = closedAfterEach(() =>
      openStoreFirstWorld((own) => ({
        groupsWrites: false,
        write: async (...args) => {
          await gate.promise;
          return own.write(...args);
        },
      })),
    );

    it("sends nothing more for a caller who was told that nobody knows", async () => {
      const { writes, reads, pool, clock } = await openWaiting();
      const write = writes.write(setOf({ value: "late" }), "direct");
      await expect(runThrough(clock, write)).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });

      gate.resolve();
      await pool.idle();

      expect(await reads.read("user:1")).toMatchObject({ found: false });
    });

    it("knows that nothing was written of what never had a place", async () => {
      const { writes, reads, pool, clock } = await openSlow();
      for (let i = 0; i < pool.load.max; i += 1)
        void pool.run(() => gate.promise, { limitMs: 60_000 });
      const write = writes.write(setOf({ value: "refused" }), "direct");
      await expect(runThrough(clock, write)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

      gate.resolve();
      await pool.idle();

      expect(await reads.read("user:1")).toMatchObject({ found: false });
    });

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
