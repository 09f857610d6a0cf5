import { describe, expect, it } from "@jest/globals";
import {
  LOOK_EVERY_MS,
  type Occasion,
  ScheduledJob,
  type ScheduledJobParts,
} from "../../../src/jobs/scheduled-job.ts";
import { CronSchedule } from "../../../src/lib/cron-schedule.ts";
import { storeDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type MemorySqlite, openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIDNIGHT_MS = Date.UTC(2026, 10, 21);

/** A store, and any number of instances on it that run the same job daily at 03:00. */
async function openWorld() {
  const clock = new ManualClock({ nowMs: MIDNIGHT_MS });
  const random = new SeededRandom(7);
  const backing = await openMemorySqlite({ clock, random });
  return {
    clock,
    backing,
    instance: (options: InstanceOptions = {}) => new Instance(backing, clock, random, options),
  };
}

interface InstanceOptions {
  /** Its own idea of the time. */
  readonly wall?: ManualClock;
  readonly work?: (occasion: Occasion) => Promise<void>;
  /** In place of the store's own. */
  readonly lease?: ScheduledJobParts["store"];
}

class Instance {
  readonly reasons: string[] = [];
  readonly log = new RecordingLog();
  readonly job: ScheduledJob;
  readonly stopping = new AbortController();
  readonly wall: ManualClock;

  constructor(
    { store, records }: MemorySqlite,
    clock: ManualClock,
    random: SeededRandom,
    { wall = clock, work = async () => undefined, lease = store }: InstanceOptions,
  ) {
    this.wall = wall;
    this.job = new ScheduledJob({
      name: "daily_check",
      schedule: new CronSchedule("0 3 * * *"),
      work: (occasion) => {
        this.reasons.push(occasion.reason);
        return work(occasion);
      },
      store: lease,
      records,
      clock: wall,
      random,
      log: this.log,
    });
  }

  look() {
    return this.job.run(this.stopping.signal);
  }
}

describe("a scheduled job", () => {
  it("begins with the first slot after it was first seen, and runs each slot once", async () => {
    const { clock, instance } = await openWorld();
    const one = instance();
    expect(await one.look()).toBe("not_due");

    for (let hours = 0; hours < 72; hours += 1) {
      await clock.advance(HOUR_MS);
      await one.look();
      await one.look();
    }

    expect(one.reasons).toEqual([
      "Scheduled for 2026-11-21 03:00 UTC",
      "Scheduled for 2026-11-22 03:00 UTC",
      "Scheduled for 2026-11-23 03:00 UTC",
    ]);
  });

  it("is run by one of many instances that look at the same time", async () => {
    const { clock, instance } = await openWorld();
    const all = Array.from({ length: 5 }, () => instance());
    for (const each of all) await each.look();

    await clock.advance(3 * HOUR_MS);
    await Promise.all(all.map((each) => each.look()));
    await clock.advance(5 * MINUTE_MS);
    for (const each of all) await each.look();

    expect(all.flatMap((each) => each.reasons)).toHaveLength(1);
  });

  it("is begun once even where the lease is given to all of them", async () => {
    const { clock, instance } = await openWorld();
    const lease = { acquireLease: async () => true };
    const all = Array.from({ length: 5 }, () => instance({ lease }));
    await all[0]?.look();

    await clock.advance(3 * HOUR_MS);
    const outcomes = await Promise.all(all.map((each) => each.look()));

    expect(outcomes.filter((outcome) => outcome === "left_to_another")).toHaveLength(4);
    expect(all.flatMap((each) => each.reasons)).toHaveLength(1);
  });

  it("is not run by a second one while the first is at it, however long that takes", async () => {
    const { clock, instance } = await openWorld();
    let end = () => undefined as void;
    const work = new Promise<void>((resolve) => {
      end = resolve;
    });
    const [busy, idle] = [instance({ work: () => work }), instance()];
    await busy.look();
    await clock.advance(3 * HOUR_MS);

    const running = busy.look();
    await clock.untilSleeping();
    for (let minutes = 0; minutes < 30; minutes += 1) {
      await clock.advance(MINUTE_MS);
      expect(await idle.look()).toBe("left_to_another");
    }
    end();
    expect(await running).toBe("done");
    await clock.advance(5 * MINUTE_MS);

    expect(await idle.look()).toBe("not_due");
    expect(idle.reasons).toEqual([]);
  });

  it("is taken over when its instance has died, and given up when it has ended three", async () => {
    const { clock, instance } = await openWorld();
    await instance().look();
    await clock.advance(3 * HOUR_MS);

    const reasons: string[] = [];
    for (let deaths = 0; deaths < 4; deaths += 1) {
      // What dies does not renew its lease: its clock stands still.
      const wall = new ManualClock({ nowMs: clock.nowMs() });
      const doomed = instance({ wall, work: () => new Promise(() => undefined) });
      void doomed.look();
      await wall.untilSleeping(deaths < 3 ? 1 : 0);
      await clock.advance(2 * MINUTE_MS);
      reasons.push(...doomed.reasons);
    }
    const survivor = instance();

    expect(await survivor.look()).toBe("not_due");
    expect(reasons).toEqual([
      "Scheduled for 2026-11-21 03:00 UTC",
      "Scheduled for 2026-11-21 03:00 UTC; taken over from an instance that did not end it",
      "Scheduled for 2026-11-21 03:00 UTC; taken over from an instance that did not end it",
    ]);
    await clock.advance(DAY_MS);
    expect(await survivor.look()).toBe("done");
  });

  it("goes on elsewhere when its instance is stopped in the middle of it", async () => {
    const { clock, instance } = await openWorld();
    const one = instance({
      work: ({ signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    });
    await one.look();
    await clock.advance(3 * HOUR_MS);
    const running = one.look();
    await clock.untilSleeping();

    one.stopping.abort();
    expect(await running).toBe("interrupted");
    await clock.advance(2 * MINUTE_MS);
    const other = instance();

    expect(await other.look()).toBe("done");
    expect(other.reasons).toEqual([
      "Scheduled for 2026-11-21 03:00 UTC; taken over from an instance that did not end it",
    ]);
  });

  it("makes up once for the slots that passed while no instance was up", async () => {
    const { clock, instance } = await openWorld();
    await instance().look();
    await clock.advance(10 * DAY_MS);
    const next = instance();

    expect([await next.look(), await next.look()]).toEqual(["done", "not_due"]);
    expect(next.reasons).toEqual([
      "Scheduled for 2026-11-30 03:00 UTC; made up for, since no instance ran then",
    ]);
  });

  it("runs a slot once although the clock of an instance is ahead, or behind", async () => {
    const { clock, instance } = await openWorld();
    const skewed = (ms: number) =>
      instance({ wall: new ManualClock({ nowMs: clock.nowMs() + ms }) });
    await instance().look();
    await clock.advance(2.9 * HOUR_MS);

    const ahead = skewed(10 * MINUTE_MS);
    expect(await ahead.look()).toBe("done");
    const right = instance();
    expect(await right.look()).toBe("left_to_another");
    await clock.advance(10 * MINUTE_MS);
    expect(await right.look()).toBe("not_due");
    await clock.advance(MINUTE_MS);
    const behind = skewed(-HOUR_MS);

    expect(await behind.look()).toBe("not_due");
    await behind.wall.advance(HOUR_MS);
    expect(await behind.look()).toBe("not_due");
    expect(behind.reasons).toEqual([]);
  });

  it("does not stand still for years because a clock was once wrong by years", async () => {
    const { clock, instance } = await openWorld();
    await instance().look();
    await clock.advance(2 * MINUTE_MS);
    const wall = new ManualClock({ nowMs: Date.UTC(2099, 0, 1, 12) });
    expect(await instance({ wall }).look()).toBe("done");
    await clock.advance(DAY_MS);

    expect(await instance().look()).toBe("done");
  });

  it("has a failed run behind it too", async () => {
    const { clock, instance } = await openWorld();
    const one = instance({ work: () => Promise.reject(new Error("no such thing")) });
    await one.look();
    await clock.advance(3 * HOUR_MS);

    expect(await one.look()).toBe("done");
    expect(one.log.told).toEqual(["error: A scheduled run failed"]);
    expect(await one.look()).toBe("not_due");
  });

  it("looks by itself every half minute until it is stopped", async () => {
    const { clock, instance } = await openWorld();
    const one = instance();
    one.job.start();
    await clock.untilSleeping();

    await clock.advance(3 * HOUR_MS + LOOK_EVERY_MS);
    expect(one.reasons).toHaveLength(1);
    await one.job.stop();
    await clock.advance(DAY_MS);

    expect(one.reasons).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it("tells an outage of the store once, and goes on after it", async () => {
    const { clock, backing } = await openWorld();
    const log = new RecordingLog();
    let isUp = false;
    const job = new ScheduledJob({
      name: "daily_check",
      schedule: new CronSchedule("0 3 * * *"),
      work: async () => log.info({}, "ran"),
      store: {
        acquireLease: async (...lease) =>
          isUp ? backing.store.acquireLease(...lease) : Promise.reject(storeDown()),
      },
      records: backing.records,
      clock,
      random: new SeededRandom(1),
      log,
    });
    job.start();
    await clock.untilSleeping();
    await clock.advance(5 * LOOK_EVERY_MS);
    isUp = true;
    await clock.advance(3 * HOUR_MS + LOOK_EVERY_MS);
    await job.stop();

    expect(log.told).toEqual([
      "warn: A schedule cannot be looked at now; it is tried again",
      "info: ran",
    ]);
  });
});
