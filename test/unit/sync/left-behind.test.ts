import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import type { Entry } from "../../../src/model/entry.ts";
import { epochOf, formatVersion, seqOf } from "../../../src/model/version.ts";
import { beginLife } from "../../../src/store/statement-life.ts";
import { DirectSync } from "../../../src/sync/direct-sync.ts";
import { EpochCheck } from "../../../src/sync/epoch-check.ts";
import { StoreCircuit } from "../../../src/sync/store-circuit.ts";
import { SyncPool } from "../../../src/sync/sync-pool.ts";
import { storeDown } from "../../support/builders.ts";
import { BATCH, openCacheFirstWorld, SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { openDeliveryWorld } from "../../support/delivery-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

const ROUTES = ["direct", "event"] as const;
const POLICIES = ["noeviction", "allkeys-lru"] as const;

/** A write is minted, and the store leaves its epoch before the write lands. */
async function openWorld(maxmemoryPolicy: string) {
  const world = await openDeliveryWorld({ maxmemoryPolicy });
  await world.past.bucketStates.raiseEpoch(bucketOf(world.entry.key), "another server");
  return world;
}

describe.each(POLICIES)("a write of an epoch that the store has left, under %s", (policy) => {
  it.each(ROUTES)(
    "has an unknown outcome on the %s route, and the cache is looked at",
    async (route) => {
      const { deliver, calls } = await openWorld(policy);

      expect(await deliver(route)).toBe("UNKNOWN_OUTCOME");

      expect(calls).toContain("onLeftBehind");
    },
  );

  it.each(ROUTES)(
    "is acknowledged on the %s route in the epoch that the store has",
    async (route) => {
      const { deliver, calls } = await openDeliveryWorld({ maxmemoryPolicy: policy });

      expect(await deliver(route)).toMatch(/^(ASYNC_THREAD shadow|EVENT_BASED outbox)$/);
      expect(calls).not.toContain("onLeftBehind");
    },
  );
});

describe("a write of an epoch that the store has left", () => {
  it("keeps its marker as long as only the outbox has it", async () => {
    const { deliver, redis, entry, clock } = await openWorld("noeviction");

    await deliver("event");
    await clock.advance(0);

    expect(redis.markers.get(entry.key)).toBe(seqOf(entry.version));
  });

  it("is settled in the new epoch where nothing is pinned", async () => {
    const { deliver, calls, clock, past, entry, recovery } = await openWorld("allkeys-lru");
    await deliver("direct");
    await recovery.recoverAll();
    const token = await past.cache.takeLease(entry.key);

    await clock.advance(1000);

    expect(calls).toContain("cache.settle");
    const older = { ...entry, version: formatVersion(epochOf(entry.version), 1) };
    expect(await past.cache.fill(older, token!)).toBe("skipped");
  });

  it.each(["before", "after"])(
    "is told to no Redis below the store's epoch, though it landed %s its caller was answered",
    async (when) => {
      const { deliver, redis, entry, clock, recovery, steered, calls } =
        await openWorld("noeviction");
      const landing = deferred();
      if (when === "before") landing.resolve();
      steered.store.on("applyNewer", async (proceed) => {
        await landing.promise;
        return proceed();
      });
      await runThrough(clock, deliver("direct"));
      landing.resolve();
      await clock.advance(3000);
      expect(calls).toContain("onLeftBehind");
      expect(redis.markers.has(entry.key)).toBe(true);

      await recovery.recoverAll();
      await clock.advance(1000);

      expect(redis.markers.has(entry.key)).toBe(false);
    },
  );

  it("is told apart from a newer one of the same key in the same batch", async () => {
    const { ports, clock, past } = await openCacheFirstWorld();
    const told: ReadonlyMap<string, string>[] = [];
    const direct = new DirectSync<string>({
      store: ports.store,
      epochs: new EpochCheck(ports.bucketStates, clock),
      pool: new SyncPool(clock, 10),
      circuit: new StoreCircuit(clock),
      clock,
      limitMs: SYNC_TIMEOUT_MS,
      placeMs: SYNC_TIMEOUT_MS,
      batch: BATCH,
      tell: async (versions) => {
        told.push(versions);
        return new Map();
      },
      onLate: () => undefined,
      onUnchecked: () => undefined,
    });
    await past.bucketStates.raiseEpoch(bucketOf("a"), "another server");
    const [older, newer] = [entryIn(1), entryIn(2)];

    const answers = await Promise.all(
      [older, newer].map((entry) => direct.apply(entry, beginLife(clock))),
    );

    expect(answers).toMatchObject([
      { outcome: "done", value: { isLeftBehind: true } },
      { outcome: "done", value: { isLeftBehind: false } },
    ]);
    expect(told).toEqual([new Map([["a", newer.version]])]);
  });
});

describe("a write whose epoch the store does not tell any more", () => {
  it.each([
    ["noeviction", "direct", "EVENT_BASED journal"],
    ["noeviction", "event", "EVENT_BASED journal"],
    ["allkeys-lru", "direct", "UNKNOWN_OUTCOME"],
    ["allkeys-lru", "event", "UNKNOWN_OUTCOME"],
  ] as const)("under %s on the %s route: %s", async (maxmemoryPolicy, route, told) => {
    const world = await openDeliveryWorld({ maxmemoryPolicy });
    world.steeredStates.on("read", async () => {
      throw storeDown();
    });

    expect(await world.deliver(route)).toBe(told);

    const { shadow, outbox } = await world.places();
    expect(shadow || outbox).toBe(true);
  });
});

function entryIn(epoch: number): Entry {
  return {
    key: "a",
    version: formatVersion(epoch, 1),
    value: `of epoch ${epoch}`,
    hash: "0".repeat(64),
    expiresAtMs: null,
    sessionId: null,
    interactionId: null,
  };
}
