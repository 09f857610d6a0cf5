import { describe, expect, it } from "@jest/globals";
import { LoadDetector } from "../../../src/load/load-detector.ts";
import { SyncReporter } from "../../../src/sync/sync-reporter.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { fixedSettings } from "../../support/fixed-settings.ts";

async function openWorld() {
  const world = await openCacheFirstWorld();
  const { pool, circuit, cacheCircuit, stats, recovery, clock, backlog } = world;
  const settings = fixedSettings();
  const load = new LoadDetector({ pool, backlog, clock, settings, hasEventPath: true });
  const startedMs = clock.nowMs();
  const reporter = new SyncReporter({
    pool,
    circuit,
    cacheCircuit,
    stats,
    backlog,
    load,
    recovery,
    pressure: { counts: () => ({ level: "calm", slowed: 0, refused: 0 }) },
    alerts: undefined,
    clock,
  });
  return { ...world, reporter, startedMs };
}

describe("SyncReporter", () => {
  it("tells what this process has done and what waits", async () => {
    const { reporter, writes, past, clock, startedMs } = await openWorld();
    await clock.advance(5000);
    await writes.write(setOf({ key: "a" }), "direct");
    await past.cache.write(setOf({ key: "b" }));

    expect(await reporter.report()).toMatchObject({
      pool: { active: 0, max: 10, queued: 0 },
      successRate: 1,
      failureRate: 0,
      methods: { ASYNC_THREAD: 1, EVENT_BASED: 0 },
      backlog: { unprocessed: 0, parked: 0, pending: 1 },
      circuit: "closed",
      cacheCircuit: "closed",
      mode: "hybrid",
      recovery: { lost: 0, lostWrites: [] },
      pid: process.pid,
      sinceMs: startedMs,
    });
  });

  it("answers without the backlog while a backend is down", async () => {
    const { reporter, redis } = await openWorld();
    redis.isUp = false;

    const report = await reporter.report();

    expect(report.backlog).toBeUndefined();
    expect(report.pool.max).toBe(10);
  });
});
