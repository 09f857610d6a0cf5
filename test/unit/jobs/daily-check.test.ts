import { describe, expect, it } from "@jest/globals";
import { CheckResults } from "../../../src/jobs/check-results.ts";
import { CheckRunner } from "../../../src/jobs/check-runner.ts";
import type { CheckTarget } from "../../../src/jobs/check-target.ts";
import { dailyCheck } from "../../../src/jobs/daily-check.ts";
import { keepHealth } from "../../../src/jobs/keep-health.ts";
import { KvTarget } from "../../../src/jobs/kv-target.ts";
import { HealthCheck } from "../../../src/verify/health-check.ts";
import { cacheDown } from "../../support/builders.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { findingsOf } from "../../support/check-builders.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { verifierIn } from "../../support/verifier-in.ts";

const DAY_MS = 24 * 3_600_000;

/** The jobs of one process over real services, with some keys. */
async function openWorld() {
  const world = await openCacheFirstWorld();
  const { clock, random, sqlite } = world;
  const verifier = verifierIn(world);
  const log = new RecordingLog();
  const { records } = sqlite;
  const results = new CheckResults({ records, random, keep: 10, keepMs: DAY_MS });
  const counters = async () => ({ evictions: 12, recoveries: null });
  const runner = new CheckRunner({ results, counters, by: "process 1 on here", clock, log });
  for (const key of ["user:1", "user:2", "cart:1"]) {
    const writer = new ScriptedWriter(world, key);
    await writer.run(writer.direct("first"));
  }
  const stopping = new AbortController();
  const occasion = { reason: "Scheduled for a test", signal: stopping.signal };
  const listed = async () => (await results.list({ limit: 10 })).results;
  return {
    ...world,
    verifier,
    log,
    runner,
    stopping,
    occasion,
    listed,
    kv: new KvTarget(verifier),
  };
}

function targetOf(model: string, check: CheckTarget["check"]): CheckTarget {
  return { model, check };
}

describe("the daily check", () => {
  it("verifies every key of cache and store, and keeps what it has found", async () => {
    const { runner, kv, occasion, listed, redis, log, clock } = await openWorld();
    redis.set("user:1", "foreign");
    redis.set("user:2", "foreign");

    await dailyCheck({ runner, targets: [kv], sampleSize: 0 }, occasion);

    expect(await listed()).toEqual([
      {
        job: "daily_check",
        model: "kv",
        prefix: null,
        outcome: "drift",
        reason: "Scheduled for a test",
        by: "process 1 on here",
        tookMs: 0,
        findings: {
          checked: 3,
          consistent: 1,
          inconsistent: 2,
          missing: 0,
          orphaned: 0,
          ratio: 1 / 3,
          interval: { low: 1 / 3, high: 1 / 3 },
          classes: { changed_outside: 2 },
          driftedPrefixes: [{ prefix: "user:", keys: 2 }],
        },
        reconciled: null,
        error: null,
        counters: { evictions: 12, recoveries: null },
        atMs: clock.nowMs(),
      },
    ]);
    expect(log.told).toEqual(["warn: Checked kv: 1 of 3 copies are sound"]);
  });

  it("looks at a sample where one is asked for, and says what it leaves open", async () => {
    const { runner, kv, occasion, listed, redis } = await openWorld();
    redis.set("user:1", "foreign");
    redis.set("user:2", "foreign");

    const sample = { job: "sample", sampleSize: 1, prefix: "user:", warnBelow: 0.9 } as const;
    await runner.check({ ...occasion, ...sample, target: kv });

    expect(await listed()).toMatchObject([
      {
        job: "sample",
        prefix: "user:",
        outcome: "drift",
        findings: { checked: 1, ratio: 0, interval: { low: 0, high: expect.closeTo(0.793, 3) } },
      },
    ]);
  });

  it("says in one line that all is well", async () => {
    const { runner, kv, occasion, listed, log } = await openWorld();

    await dailyCheck({ runner, targets: [kv], sampleSize: 0 }, occasion);

    expect(log.told).toEqual(["info: Checked kv: 3 of 3 copies are sound"]);
    expect(await listed()).toMatchObject([
      { outcome: "good", findings: { ratio: 1, classes: {} } },
    ]);
  });

  it("goes on with the other models when one cannot be checked, and keeps why", async () => {
    const { runner, occasion, listed, log } = await openWorld();
    const down = targetOf("down", () => Promise.reject(cacheDown()));
    const broken = targetOf("broken", () => Promise.reject(new Error("a secret at /srv")));
    const fine = targetOf("fine", async () => findingsOf(10, 10));

    await dailyCheck({ runner, targets: [down, broken, fine], sampleSize: 0 }, occasion);

    const results = new Map((await listed()).map((result) => [result.model, result]));
    expect(results.get("down")).toMatchObject({
      outcome: "failed",
      findings: null,
      error: "CACHE_UNAVAILABLE: Redis does not answer.",
    });
    expect(results.get("broken")?.error).toBe("INTERNAL: see the log");
    expect(results.get("fine")).toMatchObject({ outcome: "good", error: null });
    expect(log.told).toEqual([
      "error: Error during daily_check of down",
      "error: Error during daily_check of broken",
      "info: Checked fine: 10 of 10 copies are sound",
    ]);
  });

  it("keeps nothing of a check that was cut short by the process' end", async () => {
    const { runner, occasion, stopping, listed, log } = await openWorld();
    const slow = targetOf("slow", async () => {
      stopping.abort();
      throw new Error("aborted");
    });
    const next = targetOf("next", async () => findingsOf(1, 1));

    await dailyCheck({ runner, targets: [slow, next], sampleSize: 0 }, occasion);

    expect(await listed()).toEqual([]);
    expect(log.told).toEqual([]);
  });
});

describe("the results of the health check", () => {
  it("are kept with those of the jobs, failures too", async () => {
    const { verifier, ports, clock, random, log, runner, occasion, listed, redis } =
      await openWorld();
    const { store } = ports;
    const keep = keepHealth(runner, 300_000);
    const parts = { verifier, store, clock, random, log, intervalMs: 300_000, keep };
    const check = new HealthCheck(parts);

    await check.run(occasion.signal);
    await clock.advance(1000);
    redis.isUp = false;
    await check.run(occasion.signal);

    const [failed, good] = await listed();
    expect(failed).toMatchObject({ job: "health_check", outcome: "failed", findings: null });
    expect(failed?.error).toMatch(/^CACHE_UNAVAILABLE: /);
    expect(good).toMatchObject({
      job: "health_check",
      model: "kv",
      outcome: "good",
      reason: "The health check of every 300 s",
      findings: { checked: 3, consistent: 3 },
    });
  });

  it("stand in the log although they cannot be kept", async () => {
    const { verifier, ports, clock, random, log, occasion } = await openWorld();
    const keep = keepHealth({ keep: () => Promise.reject(cacheDown()) }, 300_000);
    const parts = { verifier, store: ports.store, clock, random, log, intervalMs: 300_000, keep };

    await new HealthCheck(parts).run(occasion.signal);

    expect(log.told).toEqual(["info: Cache sync verification completed. Health: HEALTHY"]);
  });
});
