import { describe, expect, it } from "@jest/globals";
import type { CacheFill } from "../../../src/cache/cache-authority-port.ts";
import { BackPressure } from "../../../src/load/back-pressure.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { SyncSettings } from "../../../src/model/sync-settings.ts";
import { fixedSettings } from "../../support/fixed-settings.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { RecordingLog } from "../../support/recording-log.ts";

const LIMIT_BYTES = 100_000_000;
const EMPTY: CacheFill = {
  usedBytes: 0,
  limitBytes: LIMIT_BYTES,
  heldBytes: 0,
  pendingKeys: 0,
  pendingBytes: 0,
  oldestPendingMs: null,
};
/** Full to this share with what the store has lacked for a minute. */
const filled = (share: number): CacheFill => ({
  ...EMPTY,
  heldBytes: share * LIMIT_BYTES,
  pendingKeys: 1,
  oldestPendingMs: 60_000,
});
/** Full to this share with what the store has, which is no reason to keep anybody waiting. */
const cleanTo = (share: number): CacheFill => ({ ...EMPTY, heldBytes: share * LIMIT_BYTES });
const set = (bytes = 0) => ({ op: "set", bytes }) as const;
const DELETE = { op: "delete", bytes: 0 } as const;

async function openWorld(fill: CacheFill = EMPTY, settings: Partial<SyncSettings> = {}) {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const world = { fill, events: 0, isDown: false, looks: 0 };
  const pressure = new BackPressure({
    cache: {
      measure: async () => {
        world.looks += 1;
        if (world.isDown) throw new LockstepError("CACHE_UNAVAILABLE", "Redis does not answer.");
        return world.fill;
      },
    },
    events: () => world.events,
    clock,
    log,
    settings: fixedSettings(settings),
  });
  await pressure.report();
  return Object.assign(world, { clock, log, pressure });
}

describe("BackPressure", () => {
  it("lets writes in at once while there is room, with one look for very many of them", async () => {
    const world = await openWorld();
    const before = world.looks;

    for (let i = 0; i < 1000; i += 1) (await world.pressure.admit(set()))();
    await world.clock.advance(501);
    for (let i = 0; i < 1000; i += 1) (await world.pressure.admit(set()))();

    expect(world.looks - before).toBe(1);
    expect(world.pressure.counts()).toEqual({ level: "calm", slowed: 0, refused: 0 });
  });

  it("refuses at the limit, says why and when to come again", async () => {
    const { pressure } = await openWorld(filled(0.91));

    await expect(pressure.admit(set())).rejects.toMatchObject({
      code: "OVERLOADED",
      message: expect.stringContaining("limit 90 %"),
      retryAfterMs: 5000,
    });
    expect(pressure.counts()).toMatchObject({ level: "refuse", refused: 1 });
    expect(pressure.warnings()).toEqual([expect.stringContaining("refused (OVERLOADED)")]);
  });

  it("takes writes again once a look shows room, a little below the limit", async () => {
    const world = await openWorld(filled(0.91));
    await expect(world.pressure.admit(set())).rejects.toMatchObject({ code: "OVERLOADED" });
    world.fill = cleanTo(0.87);
    await world.clock.advance(101);
    await expect(world.pressure.admit(set())).rejects.toMatchObject({ code: "OVERLOADED" });
    world.fill = cleanTo(0.85);
    await world.clock.advance(101);

    await world.pressure.admit(set());

    expect(world.pressure.level).toBe("calm");
    expect(world.log.lines.map(({ level }) => level)).toEqual(["warn", "info"]);
  });

  it("keeps a write waiting when it is nearly full, and none that deletes", async () => {
    const { pressure, clock } = await openWorld(filled(0.85));
    let admitted = false;

    await pressure.admit(DELETE);
    const waiting = pressure.admit(set()).then(() => (admitted = true));
    await clock.untilSleeping();
    const before = admitted;
    await clock.advance(250);
    await waiting;

    expect(before).toBe(false);
    expect(pressure.counts()).toMatchObject({ level: "slow", slowed: 1, refused: 0 });
  });

  it("lets deletes have half of the reserve, and no more", async () => {
    const world = await openWorld(filled(0.94));
    await expect(world.pressure.admit(set())).rejects.toMatchObject({ code: "OVERLOADED" });
    await world.pressure.admit(DELETE);
    world.fill = filled(0.96);
    await world.clock.advance(101);

    await expect(world.pressure.admit(DELETE)).rejects.toMatchObject({ code: "OVERLOADED" });
  });

  it("counts what it has let in since the last look, until a look that began after it had ended", async () => {
    const { pressure, clock } = await openWorld(cleanTo(0.5));
    const ends: (() => void)[] = [];
    for (let i = 0; i < 7; i += 1) {
      ends.push(await pressure.admit(set(0.04 * LIMIT_BYTES)));
      await clock.advance(1000);
    }

    // Seven of 4 % that are still on their way, each with a quarter on top, beside the half that is seen.
    await expect(pressure.admit(set(0.05 * LIMIT_BYTES))).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    for (const end of ends) end();
    await clock.advance(101);

    (await pressure.admit(set(0.05 * LIMIT_BYTES)))();
  });

  it("looks again before it refuses for what is only reckoned", async () => {
    const world = await openWorld(cleanTo(0.6));
    const { pressure, clock } = world;
    (await pressure.admit(set(0.05 * LIMIT_BYTES)))();
    await clock.advance(21);
    const before = world.looks;

    // The first has overwritten what was there: nothing has grown.
    (await pressure.admit(set(0.2 * LIMIT_BYTES)))();

    expect(world.looks - before).toBe(1);
    expect(pressure.counts().refused).toBe(0);
  });

  it("goes by its last look while Redis does not answer", async () => {
    const world = await openWorld(filled(0.91));
    world.isDown = true;
    await world.clock.advance(5000);

    await expect(world.pressure.admit(set())).rejects.toMatchObject({ code: "OVERLOADED" });
  });

  it("says how soon there will be room by how fast it gets emptier", async () => {
    const world = await openWorld(filled(1));
    world.fill = filled(0.95);
    await world.clock.advance(1000);
    await world.pressure.report();

    await expect(world.pressure.admit(set())).rejects.toMatchObject({
      code: "OVERLOADED",
      // 5 % of the memory in a second, and 9.5 % until there is room.
      retryAfterMs: 1901,
    });
  });

  it("has a limit for the outbox too, also where there is no Redis", async () => {
    const clock = new ManualClock();
    const pressure = new BackPressure({
      cache: undefined,
      events: () => 11,
      clock,
      log: new RecordingLog(),
      settings: fixedSettings({ outboxEvents: 10 }),
    });

    await expect(pressure.admit(set())).rejects.toMatchObject({
      code: "OVERLOADED",
      message: expect.stringContaining("11 outbox events"),
    });
    await pressure.admit(DELETE);
    expect(pressure.isShortOfRoom).toBe(false);
  });

  it.each<[number, boolean]>([
    [0.71, false],
    [0.73, true],
    [1, true],
  ])("at %d of the memory, being short of room is %s", async (share, isShort) => {
    const { pressure } = await openWorld(cleanTo(share));

    expect(pressure.isShortOfRoom).toBe(isShort);
  });
});
