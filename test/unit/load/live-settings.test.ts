import { describe, expect, it } from "@jest/globals";
import { LiveSettings } from "../../../src/load/live-settings.ts";
import { storeDown } from "../../support/builders.ts";
import { DEFAULT_SETTINGS } from "../../support/fixed-settings.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { deferred, steer } from "../../support/steer.ts";

async function openWorld({ hasEventPath = true } = {}) {
  const clock = new ManualClock();
  const { settings: port } = await openMemorySqlite({ clock, random: new SeededRandom(1) });
  const steered = steer("settings", port, []);
  const log = new RecordingLog();
  const open = (by: string, through = port) =>
    new LiveSettings({ port: through, defaults: DEFAULT_SETTINGS, clock, log, by, hasEventPath });
  return { clock, log, steered, settings: open("this", steered.port), other: open("other") };
}

describe("LiveSettings", () => {
  it("are the defaults where nobody has set anything, and say so", async () => {
    const { settings } = await openWorld();

    const unset = { source: "default", atMs: null, by: null };
    expect(await settings.configure({})).toEqual({
      inForce: DEFAULT_SETTINGS,
      sources: Object.fromEntries(Object.keys(DEFAULT_SETTINGS).map((name) => [name, unset])),
      revision: 0,
      warning: undefined,
    });
    expect(settings.isRunTime("mode")).toBe(false);
  });

  it("hold at once in the process that changes them, and say when and by whom", async () => {
    const { settings, clock } = await openWorld();

    const report = await settings.configure({ mode: "event-only", queued: 5 });

    expect(settings.inForce).toEqual({ ...DEFAULT_SETTINGS, mode: "event-only", queued: 5 });
    expect(settings.isRunTime("mode")).toBe(true);
    expect(report).toMatchObject({
      inForce: settings.inForce,
      sources: {
        mode: { source: "run time", atMs: clock.nowMs(), by: "this" },
        poolRatio: { source: "default" },
      },
      revision: 1,
    });
  });

  it("go back to the default by null, one by one", async () => {
    const { settings } = await openWorld();
    await settings.configure({ mode: "event-only", queued: 5 });

    await settings.configure({ mode: null });

    expect(settings.inForce).toEqual({ ...DEFAULT_SETTINGS, queued: 5 });
    expect(settings.isRunTime("mode")).toBe(false);
  });

  it("reach a process that starts later before its first call", async () => {
    const { settings, other } = await openWorld();
    await other.configure({ mode: "event-only" });

    await settings.start();

    expect(settings.inForce.mode).toBe("event-only");
    await settings.stop();
  });

  it("reach every running process within five seconds", async () => {
    const { settings, other, clock } = await openWorld();
    await settings.start();
    await clock.advance(0);
    await other.configure({ poolRatio: 0.5 });

    await clock.advance(5000);

    expect(settings.inForce.poolRatio).toBe(0.5);
    await settings.stop();
  });

  it("stay as they were last read while the store does not answer, and are followed again afterwards", async () => {
    const { settings, other, steered, clock } = await openWorld();
    await other.configure({ mode: "event-only" });
    await settings.start();
    await clock.advance(0);
    steered.on("read", async () => {
      throw storeDown();
    });
    await other.configure({ mode: "hybrid" });
    await clock.advance(60_000);
    const during = await settings.configure({});

    steered.on("read", undefined);
    await clock.advance(5000);

    expect(during.inForce.mode).toBe("event-only");
    expect(during.warning).toContain("read last");
    expect(settings.inForce.mode).toBe("hybrid");
    await settings.stop();
  });

  it("do not wait for a store that hangs", async () => {
    const { settings, steered, clock } = await openWorld();
    steered.on("read", () => new Promise(() => undefined));

    const started = settings.start();
    await clock.advance(1000);
    await started;

    expect(settings.inForce).toEqual(DEFAULT_SETTINGS);
    steered.on("read", undefined);
    const stopped = settings.stop();
    await clock.advance(5000);
    await stopped;
  });

  it("are not taken back by a look that began before the change", async () => {
    const { settings, steered, clock } = await openWorld();
    const gate = deferred();
    steered.on("read", async (proceed) => {
      const seen = await proceed();
      await gate.promise;
      return seen;
    });
    const looking = settings.configure({});
    await clock.advance(0);

    await settings.configure({ queued: 5 });
    gate.resolve();
    await looking;

    expect(settings.inForce.queued).toBe(5);
  });

  it("fail to change while the store is down, and stay as they are", async () => {
    const { settings, steered } = await openWorld();
    steered.on("change", async () => {
      throw storeDown();
    });

    await expect(settings.configure({ queued: 5 })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });

    expect(settings.inForce).toEqual(DEFAULT_SETTINGS);
  });

  it("warn where event-only can have no effect", async () => {
    const { settings } = await openWorld({ hasEventPath: false });

    const { warning } = await settings.configure({ mode: "event-only" });

    expect(warning).toContain("no effect");
  });

  it("are logged once when they change, and not at every look", async () => {
    const { settings, other, clock, log } = await openWorld();
    await settings.start();
    await clock.advance(0);
    await other.configure({ queued: 5 });
    const before = log.told.length;

    await clock.advance(60_000);
    await settings.stop();

    expect(log.told.slice(before)).toEqual(["info: Settings made at run time are in force"]);
  });
});
