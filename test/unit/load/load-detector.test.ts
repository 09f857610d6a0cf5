import { describe, expect, it } from "@jest/globals";
import { LoadDetector, type SettingsSource } from "../../../src/load/load-detector.ts";
import type { SyncMode, SyncSettings } from "../../../src/model/sync-settings.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { fixedSettings } from "../../support/fixed-settings.ts";
import { deferred } from "../../support/steer.ts";

async function openWorld({
  mode = "hybrid",
  hasEventPath = true,
}: {
  mode?: SyncMode;
  hasEventPath?: boolean;
} = {}) {
  const world = await openCacheFirstWorld();
  const { pool, clock, past, backlog } = world;
  let settings = fixedSettings({ mode });
  const source: SettingsSource = {
    get inForce() {
      return settings.inForce;
    },
    isRunTime: (name) => settings.isRunTime(name),
  };
  const gates: (() => void)[] = [];
  return {
    ...world,
    load: new LoadDetector({ pool, backlog, clock, settings: source, hasEventPath }),
    /** As an operator does at run time. */
    set: (wanted: Partial<SyncSettings>) => {
      settings = { ...fixedSettings(wanted), isRunTime: (name) => name in wanted };
    },
    occupy: (count: number) => {
      for (let i = 0; i < count; i += 1) {
        const gate = deferred();
        gates.push(gate.resolve);
        void pool.run(() => gate.promise, { limitMs: 60_000 });
      }
    },
    release: async () => {
      for (const open of gates) open();
      await pool.idle();
    },
    appendEvents: (count: number) =>
      past.outbox.append(
        Array.from({ length: count }, (_, i) => entryOf({ version: versionNo(i) })),
      ),
    counts: () => world.calls.filter((call) => call === "outbox.countUnprocessed").length,
  };
}

describe("LoadDetector", () => {
  it("never says event where there is no event path", async () => {
    const { load } = await openWorld({ mode: "event-only", hasEventPath: false });

    expect(load.choose()).toMatchObject({
      route: "direct",
      reason: expect.stringContaining("no event path"),
    });
    expect(await load.report()).toMatchObject({ wouldUse: "ASYNC_THREAD" });
  });

  it("reports inputs, thresholds, the judgement and what it would use", async () => {
    const { load, occupy, release, appendEvents } = await openWorld();
    await appendEvents(3);
    occupy(7);

    expect(await load.report()).toEqual({
      highLoad: false,
      reason: "Normal load: no threshold is passed.",
      inputs: { poolUtilization: 0.7, queued: 0, unprocessed: 3 },
      thresholds: { poolRatio: 0.8, queued: 0, unprocessed: 100 },
      wouldUse: "ASYNC_THREAD",
    });
    await release();
  });

  it.each([
    [7, "direct"],
    [8, "event"],
    [10, "event"],
  ] as const)("with %d of 10 places taken goes %s", async (taken, route) => {
    const { load, occupy, release } = await openWorld();
    occupy(taken);

    expect(load.choose().route).toBe(route);
    await release();
  });

  it.each([
    [100, "ASYNC_THREAD"],
    [101, "EVENT_BASED"],
  ] as const)("with %d events unprocessed would use %s", async (count, wouldUse) => {
    const { load, appendEvents } = await openWorld();
    await appendEvents(count);

    expect((await load.report()).wouldUse).toBe(wouldUse);
  });

  it("never waits to choose: a count in the background serves the next choice", async () => {
    const { load, appendEvents, clock } = await openWorld();
    await appendEvents(101);

    const first = load.choose();
    await clock.advance(0);
    const second = load.choose();

    expect([first.route, second.route]).toEqual(["direct", "event"]);
  });

  it("counts at most once a second, however many writes choose, and never twice at once", async () => {
    const { load, clock, counts } = await openWorld();
    for (let i = 0; i < 10; i += 1) load.choose();
    await clock.advance(0);
    await clock.advance(1000);
    for (let i = 0; i < 10; i += 1) load.choose();
    await clock.advance(0);
    const early = counts();

    await clock.advance(1);
    load.choose();
    await clock.advance(0);

    expect([early, counts()]).toEqual([1, 2]);
  });

  it("goes by its last count while none can be had", async () => {
    const { load, appendEvents, redis } = await openWorld();
    await appendEvents(101);
    await load.report();
    redis.isUp = false;

    expect(await load.report()).toMatchObject({ highLoad: true, inputs: { unprocessed: 101 } });
  });

  it.each([
    ["shadow", /^The caller waits for the shadow.* High load: the pool is at 100 %/],
    ["cache", /^The cache holds the write.* High load: the pool is at 100 %/],
  ] as const)(
    "needs no event for who waits for the %s, except in event-only mode",
    async (ack, reason) => {
      const { load, set, occupy, release } = await openWorld();
      occupy(10);

      const hybrid = load.choose(ack);
      set({ mode: "event-only" });

      expect(hybrid).toEqual({ route: "direct", reason: expect.stringMatching(reason) });
      expect(load.choose(ack).route).toBe("event");
      await release();
    },
  );

  it("goes by settings that change while it runs, from the next choice on", async () => {
    const { load, set, occupy, release } = await openWorld();
    occupy(7);

    const before = load.choose().route;
    set({ poolRatio: 0.5 });
    const busy = load.choose();
    set({ poolRatio: 1, mode: "event-only" });
    const eventOnly = load.choose();
    set({});

    expect([before, busy.route, load.choose().route]).toEqual(["direct", "event", "direct"]);
    expect(busy.reason).toBe("High load: the pool is at 70 % (threshold 50 %).");
    expect(eventOnly).toEqual({
      route: "event",
      reason: "Event-only mode is set (at run time, hybrid_sync_configure).",
    });
    await release();
  });

  it("does not take parked events for load", async () => {
    const { load, appendEvents, past } = await openWorld();
    await appendEvents(105);
    const claimed = await past.outbox.claim({ owner: "one", limit: 5, leaseMs: 1000 });
    await past.outbox.park(
      claimed.map((event) => event.id),
      "refused",
    );

    expect(await load.report()).toMatchObject({ highLoad: false, inputs: { unprocessed: 100 } });
  });

  it("always takes the event way in event-only mode, and says that the mode is why", async () => {
    const { load } = await openWorld({ mode: "event-only" });

    expect(load.choose()).toEqual({
      route: "event",
      reason: "Event-only mode is set (LOCKSTEP_SYNC_MODE).",
    });
    expect(await load.report()).toMatchObject({ highLoad: false, wouldUse: "EVENT_BASED" });
  });
});
