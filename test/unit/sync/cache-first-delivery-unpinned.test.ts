import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { cacheDown, storeDown } from "../../support/builders.ts";
import { SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { openDeliveryWorld } from "../../support/delivery-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred, type Steering } from "../../support/steer.ts";

const TELL_MS = 250;

const openWorld = () => openDeliveryWorld({ maxmemoryPolicy: "allkeys-lru" });

const refused: Steering = async () => {
  throw storeDown();
};
const silentCache: Steering = async () => {
  throw cacheDown();
};
const unanswered: Steering = () => new Promise<never>(() => undefined);

/** Lets the call through once the gate is open. */
const held =
  (gate: Promise<void>): Steering =>
  async (proceed) => {
    await gate;
    return proceed();
  };

describe("CacheFirstDelivery, unpinned, direct", () => {
  it("lands in the shadow, settles the cache, and then tells the caller", async () => {
    const { deliver, places, calls } = await openWorld();

    expect(await deliver("direct")).toBe("ASYNC_THREAD shadow");

    expect(calls).toEqual(["store.applyNewer", "cache.settle"]);
    expect(await places()).toMatchObject({ shadow: true, cached: true });
  });

  it("voids the lease of a reader that looked before the write landed", async () => {
    const { deliver, past, entry, redis } = await openWorld();
    const token = await past.cache.takeLease(entry.key);
    await deliver("direct");
    // While the copy is there, nothing is filled anyway.
    redis.evict(entry.key, "value");
    redis.evict(entry.key, "meta");

    const filled = await past.cache.fill({ ...entry, version: "0".repeat(24) }, token!);

    expect(filled).toBe("skipped");
  });

  it.each([
    ["refuses", silentCache, 0],
    ["does not answer", unanswered, 2 * SYNC_TIMEOUT_MS + TELL_MS],
  ])("does not know the outcome when the cache %s to be settled", async (_how, settle, limitMs) => {
    const { deliver, places, steered, clock } = await openWorld();
    steered.cache.on("settle", settle);
    const answer = deliver("direct");
    await clock.advance(0);

    await clock.advance(limitMs);

    expect(await answer).toBe("UNKNOWN_OUTCOME");
    expect(await places()).toMatchObject({ shadow: true });
  });

  it("goes to the outbox when the store refuses, and settles before the caller is told", async () => {
    const { deliver, places, steered, calls } = await openWorld();
    steered.store.on("applyNewer", refused);

    expect(await deliver("direct")).toBe("EVENT_BASED outbox");

    expect(calls).toEqual(["store.applyNewer", "outbox.append", "onEvent", "cache.settle"]);
    expect(await places()).toMatchObject({ shadow: false, outbox: true, cached: true });
  });

  it.each(["applyNewer", "append"] as const)(
    "does not say that nothing was written when the answer to %s was lost",
    async (lost) => {
      const { deliver, steered } = await openWorld();
      const answerLost: Steering = async () => {
        throw new LockstepError("UNKNOWN_OUTCOME", "The connection broke.");
      };
      steered.store.on("applyNewer", lost === "applyNewer" ? answerLost : refused);
      steered.outbox.on("append", lost === "append" ? answerLost : refused);

      expect(await deliver("direct")).toBe("UNKNOWN_OUTCOME");
    },
  );

  it("goes to the outbox when the store does not answer, and settles a late landing again", async () => {
    const { deliver, places, steered, clock, calls } = await openWorld();
    const gate = deferred();
    steered.store.on("applyNewer", held(gate.promise));
    const answer = deliver("direct");
    await clock.untilSleeping();
    await clock.advance(SYNC_TIMEOUT_MS);
    expect(await answer).toBe("EVENT_BASED outbox");
    calls.splice(0);

    gate.resolve();
    await clock.advance(0);

    expect(calls).toEqual(["cache.settle"]);
    expect(await places()).toMatchObject({ shadow: true, outbox: true, cached: true });
  });

  it("fails as refused when shadow and outbox refuse, and the cache forgets the write", async () => {
    const { deliver, places, steered, calls } = await openWorld();
    steered.store.on("applyNewer", refused);
    steered.outbox.on("append", refused);

    expect(await deliver("direct")).toBe("STORE_UNAVAILABLE");

    expect(calls).toEqual(["store.applyNewer", "outbox.append", "cache.withdraw"]);
    expect(await places()).toEqual({ shadow: false, outbox: false, journal: false, cached: false });
  });

  it.each([
    ["the shadow does not answer and the outbox refuses", unanswered, refused],
    ["the shadow refuses and the outbox does not answer", refused, unanswered],
    ["neither answers", unanswered, unanswered],
  ])("does not know the outcome when %s, and the cache forgets the write", async (...how) => {
    const [, applyNewer, append] = how;
    const { deliver, places, steered, clock, calls } = await openWorld();
    steered.store.on("applyNewer", applyNewer);
    steered.outbox.on("append", append);

    expect(await runThrough(clock, deliver("direct"))).toBe("UNKNOWN_OUTCOME");

    expect(calls.at(-1)).toBe("cache.withdraw");
    expect(await places()).toMatchObject({ cached: false });
  });

  it("fails as refused where it never had a place and the outbox refuses, and never lands", async () => {
    const { deliver, places, steered, clock, pool, calls } = await openDeliveryWorld({
      maxmemoryPolicy: "allkeys-lru",
      concurrency: 1,
    });
    const gate = deferred();
    void pool.run(() => gate.promise, { limitMs: 60_000 });
    steered.outbox.on("append", refused);

    expect(await runThrough(clock, deliver("direct"))).toBe("STORE_UNAVAILABLE");

    gate.resolve();
    await pool.idle();
    await clock.advance(0);
    expect(calls).toEqual(["outbox.append", "cache.withdraw"]);
    expect(await places()).toEqual({ shadow: false, outbox: false, journal: false, cached: false });
  });

  it("does not know the outcome of a write that cannot be withdrawn, because it has replaced one of the journal", async () => {
    const { deliver, steered, redis, entry, places } = await openWorld();
    redis.markers.set(entry.key, 1);
    steered.store.on("applyNewer", refused);
    steered.outbox.on("append", refused);

    expect(await deliver("direct")).toBe("UNKNOWN_OUTCOME");

    expect(await places()).toMatchObject({ shadow: false, cached: true });
  });

  it("settles what lands after it was given up and withdrawn, in the shadow or in the outbox", async () => {
    const { deliver, places, steered, clock, calls } = await openWorld();
    const gates = [deferred(), deferred()];
    steered.store.on("applyNewer", held(gates[0]!.promise));
    steered.outbox.on("append", held(gates[1]!.promise));
    await runThrough(clock, deliver("direct"));
    calls.splice(0);

    gates[0]!.resolve();
    await clock.advance(0);
    const afterShadow = [...calls];
    gates[1]!.resolve();
    await clock.advance(0);

    expect(afterShadow).toEqual(["cache.settle"]);
    expect(calls).toEqual(["cache.settle", "cache.settle"]);
    expect(await places()).toMatchObject({ shadow: true, outbox: true });
  });

  it("settles what has landed late again until the cache answers", async () => {
    const { deliver, steered, clock, log, calls, owed } = await openWorld();
    const gate = deferred();
    steered.store.on("applyNewer", held(gate.promise));
    await runThrough(clock, deliver("direct"));
    steered.cache.on("settle", silentCache);
    gate.resolve();
    await clock.advance(0);
    await clock.advance(5000);
    calls.splice(0);

    steered.cache.on("settle", undefined);
    await clock.advance(5000);

    expect(calls).toEqual(["cache.settle"]);
    expect(log.told).toEqual(["warn: The cache could not be told of a write; it is told again"]);
    await owed.stop();
  });

  it("drops what a reader has filled while the cache could not be told of a write", async () => {
    const { deliver, steered, clock, past, entry, redis, places } = await openWorld();
    redis.evict(entry.key, "value");
    redis.evict(entry.key, "meta");
    const older = { ...entry, value: "older", version: "0".repeat(24) };
    const token = await past.cache.takeLease(entry.key);
    steered.cache.on("settle", silentCache);
    expect(await deliver("direct")).toBe("UNKNOWN_OUTCOME");
    expect(await past.cache.fill(older, token!)).toBe("filled");

    steered.cache.on("settle", undefined);
    await clock.advance(1000);

    const [seen] = await past.cache.observe([entry.key]);
    expect(seen).toMatchObject({ value: undefined, meta: undefined });
    expect(await places()).toMatchObject({ shadow: true });
  });

  it("does not know the outcome when the cache cannot even forget the write", async () => {
    const { deliver, steered } = await openWorld();
    steered.store.on("applyNewer", refused);
    steered.outbox.on("append", refused);
    steered.cache.on("withdraw", silentCache);

    expect(await deliver("direct")).toBe("UNKNOWN_OUTCOME");
  });

  it("ends within twice the limit and a quarter of a second though nobody answers", async () => {
    const { deliver, steered, clock } = await openWorld();
    steered.store.on("applyNewer", unanswered);
    steered.outbox.on("append", unanswered);
    steered.cache.on("withdraw", unanswered);
    let answer: string | undefined;
    void deliver("direct").then((text) => {
      answer = text;
    });
    await clock.untilSleeping();

    await clock.advance(2 * SYNC_TIMEOUT_MS + TELL_MS);

    expect(answer).toBe("UNKNOWN_OUTCOME");
  });
});

describe("CacheFirstDelivery, unpinned, by event", () => {
  it("is in the outbox before the caller is told, and the shadow is not tried", async () => {
    const { deliver, places, calls } = await openWorld();

    expect(await deliver("event")).toBe("EVENT_BASED outbox");

    expect(calls).toEqual(["outbox.append", "onEvent", "cache.settle"]);
    expect(await places()).toMatchObject({ shadow: false, outbox: true, cached: true });
  });

  it("fails when the outbox refuses, and the cache forgets the write", async () => {
    const { deliver, places, steered, calls } = await openWorld();
    steered.outbox.on("append", refused);

    expect(await deliver("event")).toBe("STORE_UNAVAILABLE");

    expect(calls).toEqual(["outbox.append", "cache.withdraw"]);
    expect(await places()).toMatchObject({ outbox: false, cached: false });
  });

  it("does not know the outcome when the outbox does not answer, and settles the late event", async () => {
    const { deliver, places, steered, clock, calls } = await openWorld();
    const gate = deferred();
    steered.outbox.on("append", held(gate.promise));
    expect(await runThrough(clock, deliver("event"))).toBe("UNKNOWN_OUTCOME");
    calls.splice(0);

    gate.resolve();
    await clock.advance(0);

    expect(calls).toEqual(["cache.settle"]);
    expect(await places()).toMatchObject({ outbox: true });
  });
});

describe("CacheFirstDelivery, unpinned, whatever fails", () => {
  const fates = { passes: undefined, refuses: refused, hangs: unanswered };
  const names = Object.keys(fates) as (keyof typeof fates)[];
  const combinations = names.flatMap((shadow) =>
    names.flatMap((outbox) => names.flatMap((cache) => [[shadow, outbox, cache] as const])),
  );

  it.each(combinations)(
    "acknowledges nothing that is nowhere: the shadow %s, the outbox %s, the cache %s",
    async (shadow, outbox, cache) => {
      for (const route of ["direct", "event"] as const) {
        const { deliver, places, steered, clock } = await openWorld();
        steered.store.on("applyNewer", fates[shadow]);
        steered.outbox.on("append", fates[outbox]);
        steered.cache.on("settle", fates[cache]);
        steered.cache.on("withdraw", fates[cache]);

        const answer = await runThrough(clock, deliver(route));

        const told = { answer, isTrue: isTrue(answer, await places()) };
        expect(told).toEqual({ answer, isTrue: true });
      }
    },
  );

  function isTrue(answer: string, { shadow, outbox }: { shadow: boolean; outbox: boolean }) {
    switch (answer) {
      case "ASYNC_THREAD shadow":
        return shadow;
      case "EVENT_BASED outbox":
        return outbox;
      case "STORE_UNAVAILABLE":
        return !shadow && !outbox;
      default:
        return answer === "UNKNOWN_OUTCOME";
    }
  }

  it.each([refused, unanswered])(
    "promises nothing to a caller of whom the cache has not heard",
    async (fate) => {
      for (const route of ["direct", "event"] as const) {
        const { deliver, steered, clock } = await openWorld();
        steered.cache.on("settle", fate);

        expect(await runThrough(clock, deliver(route))).toBe("UNKNOWN_OUTCOME");
      }
    },
  );
});
