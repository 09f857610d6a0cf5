import { describe, expect, it } from "@jest/globals";
import { SyncStats } from "../../../src/sync/sync-stats.ts";

describe("SyncStats", () => {
  it("has no rates and no latency before the first write", () => {
    expect(new SyncStats().report()).toEqual({
      successRate: null,
      failureRate: null,
      methods: { ASYNC_THREAD: 0, EVENT_BASED: 0 },
      latencyMs: { mean: null, p50: null, p99: null },
    });
  });

  it("counts direct syncs by outcome, and writes by the way they went", () => {
    const stats = new SyncStats();
    for (const outcome of ["landed", "landed", "landed", "failed"] as const) {
      stats.directSync(outcome);
    }
    stats.acknowledged("ASYNC_THREAD", 1);
    stats.acknowledged("EVENT_BASED", 1);
    stats.acknowledged("EVENT_BASED", 1);

    expect(stats.report()).toMatchObject({
      successRate: 0.75,
      failureRate: 0.25,
      methods: { ASYNC_THREAD: 1, EVENT_BASED: 2 },
    });
  });

  it("tells latencies in milliseconds, to a thousandth", () => {
    const stats = new SyncStats();
    for (let ms = 1; ms <= 100; ms += 1) stats.acknowledged("ASYNC_THREAD", ms);

    const { mean, p50, p99 } = stats.report().latencyMs;

    expect(mean).toBeCloseTo(50.5, 1);
    expect(p50).toBeCloseTo(50, 0);
    expect(p99).toBeCloseTo(99, 0);
  });

  it("takes a latency of nothing for the least that it can tell", () => {
    const stats = new SyncStats();

    stats.acknowledged("ASYNC_THREAD", 0);

    expect(stats.report().latencyMs.mean).toBe(0.001);
  });
});
