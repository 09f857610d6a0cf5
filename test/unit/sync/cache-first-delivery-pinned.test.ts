import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { cacheDown, storeDown } from "../../support/builders.ts";
import { SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { farAhead, openDeliveryWorld } from "../../support/delivery-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

/** All places of the pool are taken, until it is freed. */
async function openSaturatedWorld() {
  const world = await openDeliveryWorld({ concurrency: 1 });
  const { clock, deliver, pool } = world;
  const gate = deferred();
  void pool.run(() => gate.promise, { limitMs: 60_000 });
  return {
    ...world,
    deliver: (route: "direct" | "event") => runThrough(clock, deliver(route)),
    freePool: async () => {
      gate.resolve();
      await pool.idle();
      await clock.advance(0);
    },
  };
}

const refused = async () => {
  throw storeDown();
};
const unanswered = () => new Promise<never>(() => undefined);

describe("CacheFirstDelivery, pinned, direct", () => {
  it("lands in the shadow, tells the cache, and then the caller", async () => {
    const { deliver, places, calls, stats } = await openDeliveryWorld();

    expect(await deliver("direct")).toBe("ASYNC_THREAD shadow");

    expect(calls).toEqual(["store.applyNewer", "cache.acknowledge"]);
    expect(await places()).toEqual({ shadow: true, outbox: false, journal: false, cached: true });
    expect(stats.report().successRate).toBe(1);
  });

  it("does not tell the caller before the cache has heard", async () => {
    const { deliver, steered, clock } = await openDeliveryWorld();
    const gate = deferred();
    steered.cache.on("acknowledge", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    let told: string | undefined;
    const answer = deliver("direct").then((text) => {
      told = text;
    });
    await clock.advance(0);
    const early = told;

    gate.resolve();
    await answer;

    expect([early, told]).toEqual([undefined, "ASYNC_THREAD shadow"]);
  });

  it("is durable though the cache refuses to hear of it; the marker stays for the sweep", async () => {
    const { deliver, places, steered } = await openDeliveryWorld();
    steered.cache.on("acknowledge", async () => {
      throw cacheDown();
    });

    expect(await deliver("direct")).toBe("ASYNC_THREAD shadow");

    expect(await places()).toMatchObject({ shadow: true, journal: true });
  });

  it("waits a quarter of a second for a cache that does not answer, and no longer", async () => {
    const { deliver, steered, clock, places } = await openDeliveryWorld();
    steered.cache.on("acknowledge", unanswered);
    const answer = deliver("direct");
    await clock.advance(0);

    await clock.advance(250);

    expect(await answer).toBe("ASYNC_THREAD shadow");
    expect(await places()).toMatchObject({ shadow: true });
  });

  it("stays in the journal when the store refuses; the outbox on the same server is not tried", async () => {
    const { deliver, places, steered, calls, stats } = await openDeliveryWorld();
    steered.store.on("applyNewer", refused);

    expect(await deliver("direct")).toBe("EVENT_BASED journal");

    expect(calls).toEqual(["store.applyNewer"]);
    expect(await places()).toEqual({ shadow: false, outbox: false, journal: true, cached: true });
    expect(stats.report().failureRate).toBe(1);
  });

  it("becomes an event when the store answers but refuses this one document", async () => {
    const { deliver, places, steered } = await openDeliveryWorld();
    steered.store.on("applyNewer", async () => {
      throw new LockstepError("DOCUMENT_REFUSED", "The document is not valid.");
    });

    expect(await deliver("direct")).toBe("EVENT_BASED outbox");

    expect(await places()).toEqual({ shadow: false, outbox: true, journal: true, cached: true });
  });

  it("stays in the journal when the store does not answer in time", async () => {
    const { deliver, places, steered, clock, calls } = await openDeliveryWorld();
    steered.store.on("applyNewer", unanswered);
    const answer = deliver("direct");
    await clock.untilSleeping();

    await clock.advance(SYNC_TIMEOUT_MS);

    expect(await answer).toBe("EVENT_BASED journal");
    expect(calls).toEqual(["store.applyNewer"]);
    expect(await places()).toMatchObject({ shadow: false, journal: true });
  });

  it("tells the cache of a write that lands after its call has ended", async () => {
    const { deliver, places, steered, clock } = await openDeliveryWorld();
    const gate = deferred();
    steered.store.on("applyNewer", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    const answer = deliver("direct");
    await clock.untilSleeping();
    await clock.advance(SYNC_TIMEOUT_MS);
    await answer;

    gate.resolve();
    await clock.advance(0);

    expect(await places()).toEqual({ shadow: true, outbox: false, journal: false, cached: true });
  });

  it("has nothing to say of a write that fails after its call has ended", async () => {
    const { deliver, places, steered, clock, log } = await openDeliveryWorld();
    const gate = deferred();
    steered.store.on("applyNewer", () => gate.promise);
    const answer = deliver("direct");
    await clock.untilSleeping();
    await clock.advance(SYNC_TIMEOUT_MS);
    await answer;

    gate.reject(storeDown());
    await clock.advance(0);

    expect(await places()).toMatchObject({ shadow: false, journal: true });
    expect(log.told).toEqual([]);
  });

  it("becomes an event where others take all places for half its time, and never lands", async () => {
    const { deliver, places, stats, circuit, calls, freePool } = await openSaturatedWorld();

    expect(await deliver("direct")).toBe("EVENT_BASED outbox");

    await freePool();
    expect(calls).toEqual(["outbox.append", "onEvent"]);
    expect(await places()).toEqual({ shadow: false, outbox: true, journal: true, cached: true });
    expect(stats.report().failureRate).toBe(1);
    expect(circuit.state).toBe("closed");
  });

  it("stays in the journal where there is neither a place nor an outbox, in the time of one attempt", async () => {
    const { deliver, places, steered, clock, freePool } = await openSaturatedWorld();
    steered.outbox.on("append", unanswered);
    const beforeMs = clock.monotonicMs();

    expect(await deliver("direct")).toBe("EVENT_BASED journal");

    expect(clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(SYNC_TIMEOUT_MS + 250);
    await freePool();
    expect(await places()).toMatchObject({ shadow: false, outbox: false, journal: true });
  });

  it("is left to the sweep without a place where nobody waits for it", async () => {
    const { delivery, entry, life, clock, calls, freePool } = await openSaturatedWorld();

    delivery.deliverBehind(entry, "direct", life);
    await clock.advance(10_000);

    await freePool();
    expect(calls).toEqual([]);
  });

  it("does not know the outcome where the store is ahead of the cache and the copy had to go", async () => {
    const { deliver, places, past, entry } = await openDeliveryWorld();
    await past.store.applyNewer([farAhead(entry)], "ASYNC_THREAD");

    expect(await deliver("direct")).toBe("UNKNOWN_OUTCOME");

    expect(await places()).toEqual({ shadow: false, outbox: false, journal: false, cached: false });
  });

  it("is content where another process has already brought the same write, or a later one", async () => {
    const { deliver, past, entry } = await openDeliveryWorld();
    await past.store.applyNewer([entry], "EVENT_BASED");
    await past.cache.acknowledge([entry]);

    expect(await deliver("direct")).toBe("ASYNC_THREAD shadow");
  });
});

describe("CacheFirstDelivery, pinned, by event", () => {
  it("is in the outbox and still marked in the journal when the caller is told", async () => {
    const { deliver, places, calls } = await openDeliveryWorld();

    expect(await deliver("event")).toBe("EVENT_BASED outbox");

    expect(calls).toEqual(["outbox.append", "onEvent"]);
    expect(await places()).toEqual({ shadow: false, outbox: true, journal: true, cached: true });
  });

  it("stays in the journal when the outbox refuses", async () => {
    const { deliver, places, steered, calls } = await openDeliveryWorld();
    steered.outbox.on("append", refused);

    expect(await deliver("event")).toBe("EVENT_BASED journal");

    expect(calls).toEqual(["outbox.append"]);
    expect(await places()).toMatchObject({ outbox: false, journal: true });
  });

  it("stays in the journal when the outbox does not answer in time, and may be in both later", async () => {
    const { deliver, places, steered, clock } = await openDeliveryWorld();
    const gate = deferred();
    steered.outbox.on("append", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    const answer = deliver("event");
    await clock.untilSleeping();

    await clock.advance(SYNC_TIMEOUT_MS);

    expect(await answer).toBe("EVENT_BASED journal");
    gate.resolve();
    await clock.advance(0);
    expect(await places()).toMatchObject({ outbox: true, journal: true });
  });
});
