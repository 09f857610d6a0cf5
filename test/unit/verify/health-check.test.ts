import { describe, expect, it } from "@jest/globals";
import { type CheckedHealth, HealthCheck } from "../../../src/verify/health-check.ts";
import { storeDown } from "../../support/builders.ts";
import { type CacheFirstWorld, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { verifierIn } from "../../support/verifier-in.ts";

const INTERVAL_MS = 300_000;

/** One process' health check, with a log of its own. */
function healthCheckIn(world: CacheFirstWorld) {
  const { ports, clock, random } = world;
  const verifier = verifierIn(world);
  const log = new RecordingLog();
  const { store } = ports;
  const heard: string[] = [];
  const listener = {
    checked({ came }: CheckedHealth, lease: string) {
      const what = "error" in came ? "failed" : came.report.healthy ? "good" : "issues";
      heard.push(`${what}, lease ${lease}`);
    },
    leftToAnother: () => void heard.push("left to another"),
  };
  const intervalMs = INTERVAL_MS;
  const check = new HealthCheck({ verifier, store, clock, random, log, intervalMs, listener });
  return { check, log, heard };
}

async function openWorld() {
  const world = await openCacheFirstWorld();
  const writer = new ScriptedWriter(world, "user:1");
  await writer.run(writer.direct("first"));
  return { ...world, ...healthCheckIn(world), signal: new AbortController().signal };
}

describe("HealthCheck", () => {
  it("says in one line that all is well", async () => {
    const { check, log, signal } = await openWorld();

    expect(await check.run(signal)).toBe("done");

    expect(log.told).toEqual(["info: Cache sync verification completed. Health: HEALTHY"]);
    expect(log.lines[0]?.fields).toEqual({ keysChecked: 1, tookMs: 0 });
  });

  it("warns of what it finds, with counts and the first keys", async () => {
    const { check, log, signal, redis } = await openWorld();
    redis.set("user:1", "foreign");

    await check.run(signal);

    expect(log.told).toEqual([
      'warn: Cache sync health check failed: {"counts":{"changed_outside":1},"unprocessedOutboxEvents":0,"firstKeys":[{"key":"user:1","copyClass":"changed_outside"}]}',
    ]);
  });

  it("reports an error where it cannot look", async () => {
    const { check, log, signal, redis } = await openWorld();
    redis.isUp = false;

    await check.run(signal);

    expect(log.told).toEqual(["error: Error during scheduled sync health check"]);
    expect(log.lines[0]?.fields).toMatchObject({ err: { code: "CACHE_UNAVAILABLE" } });
  });

  it("reports an error where the lease itself cannot be had, and lives on", async () => {
    const { check, log, signal, steered } = await openWorld();
    steered.store.on("acquireLease", async () => {
      throw storeDown();
    });
    await check.run(signal);
    steered.store.on("acquireLease", undefined);

    await check.run(signal);

    expect(log.told).toEqual([
      "error: Error during scheduled sync health check",
      "info: Cache sync verification completed. Health: HEALTHY",
    ]);
  });

  it("is not run at start-up, but an interval later, and each interval after that", async () => {
    const { check, log, clock } = await openWorld();
    check.start();
    await clock.untilSleeping();

    await clock.advance(INTERVAL_MS - 1);
    const early = log.told.length;
    await clock.advance(1);
    const first = log.told.length;
    await clock.advance(2 * INTERVAL_MS);
    await check.stop();

    expect([early, first, log.told.length]).toEqual([0, 1, 3]);
  });

  it("is done by one of two processes, and by the other once that is gone", async () => {
    const world = await openWorld();
    const other = healthCheckIn(world);
    world.check.start();
    await world.clock.advance(1000);
    other.check.start();

    await world.clock.advance(3 * INTERVAL_MS);
    const together = [world.log.told.length, other.log.told.length];
    await world.check.stop();
    await world.clock.advance(2 * INTERVAL_MS);
    await other.check.stop();

    expect(together).toEqual([3, 0]);
    expect(other.log.told.length).toBeGreaterThan(0);
    expect(world.log.told).toHaveLength(3);
  });

  it("tells its listener what came of each check, and whether the check is this process'", async () => {
    const world = await openWorld();
    const { check, heard, signal, redis, steered } = world;
    const other = healthCheckIn(world);

    await check.run(signal);
    await other.check.run(signal);
    redis.set("user:1", "foreign");
    await check.run(signal);
    redis.isUp = false;
    await check.run(signal);
    steered.store.on("acquireLease", async () => {
      throw storeDown();
    });
    await check.run(signal);

    expect(heard).toEqual([
      "good, lease held",
      "issues, lease held",
      "failed, lease held",
      "failed, lease unknown",
    ]);
    expect(other.heard).toEqual(["left to another"]);
  });

  it("says nothing of a check that was cut short by the process' end", async () => {
    const { check, log, heard, steered } = await openWorld();
    const stop = new AbortController();
    steered.store.on("scanContents", async (proceed) => {
      stop.abort();
      return proceed();
    });

    await check.run(stop.signal);

    expect(log.told).toEqual([]);
    expect(heard).toEqual([]);
  });
});
