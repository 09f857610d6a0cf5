import { describe, expect, it } from "@jest/globals";
import {
  DELAY_MAX_MS,
  delayMs,
  judgePressure,
  type PressureInputs,
  type PressureLevel,
  type PressureLimits,
  refusesDeletes,
  retryAfterMs,
} from "../../../src/load/judge-pressure.ts";

const LIMITS: PressureLimits = {
  memoryRatio: 0.8,
  unsyncedMb: 100,
  unsyncedAgeSec: 1000,
  outboxEvents: 1000,
};
const MB = 1024 * 1024;
const NOTHING: PressureInputs = {
  memoryRatio: 0,
  unsyncedBytes: 0,
  oldestUnsyncedMs: null,
  events: 0,
};

const judge = (
  seen: Partial<PressureInputs>,
  before: PressureLevel = "calm",
  limits: Partial<PressureLimits> = {},
) => judgePressure({ ...NOTHING, ...seen }, { ...LIMITS, ...limits }, before);

/** Each limit, filled to a share of itself while the store does not keep up. */
const FILLED: readonly (readonly [string, (share: number) => Partial<PressureInputs>])[] = [
  ["memory", (share) => ({ memoryRatio: share * 0.8, oldestUnsyncedMs: 3000 })],
  ["unsynced bytes", (share) => ({ unsyncedBytes: share * 100 * MB })],
  ["outbox events", (share) => ({ events: share * 1000 })],
];

describe("judgePressure", () => {
  it("is calm where nothing is near its limit", () => {
    expect(judge({})).toEqual({
      level: "calm",
      fill: 0,
      memoryFill: 0,
      reason: "No limit is near.",
    });
  });

  describe.each(FILLED)("by %s", (_, filledTo) => {
    it.each<[number, PressureLevel]>([
      [0.69, "calm"],
      [0.71, "widen"],
      [0.84, "widen"],
      [0.86, "slow"],
      [0.99, "slow"],
      [1.01, "refuse"],
      [5, "refuse"],
    ])("at %d of the limit goes from calm to %s", (share, level) => {
      expect(judge(filledTo(share)).level).toBe(level);
    });

    it.each<[PressureLevel, number, PressureLevel]>([
      ["refuse", 0.96, "refuse"],
      ["refuse", 0.94, "slow"],
      ["refuse", 0.5, "calm"],
      ["slow", 0.81, "slow"],
      ["slow", 0.79, "widen"],
      ["widen", 0.66, "widen"],
      ["widen", 0.64, "calm"],
      ["slow", 0.99, "slow"],
    ])("from %s at %d of the limit goes to %s", (before, share, level) => {
      expect(judge(filledTo(share), before).level).toBe(level);
    });
  });

  it("names the one that is worst off, with its limit", () => {
    const { reason, fill } = judge({ unsyncedBytes: 90 * MB, events: 2000, memoryRatio: 0.4 });

    expect(reason).toBe("2000 outbox events are unprocessed (limit 1000).");
    expect(fill).toBe(2);
  });

  it("does not slow down for memory that is full of what the store has: there is nothing to wait for", () => {
    for (const oldestUnsyncedMs of [null, 100]) {
      expect(judge({ memoryRatio: 0.79, oldestUnsyncedMs }).level).toBe("calm");
      expect(judge({ memoryRatio: 0.81, oldestUnsyncedMs }).level).toBe("refuse");
      expect(judge({ memoryRatio: 0.77, oldestUnsyncedMs }, "refuse").level).toBe("refuse");
    }
  });

  it("knows no limit that is 0, nor one of a memory that has none", () => {
    const unlimited = { unsyncedMb: 0, unsyncedAgeSec: 0, outboxEvents: 0 };
    const full = { memoryRatio: null, unsyncedBytes: 1e12, oldestUnsyncedMs: 9000, events: 1e9 };

    expect(judge(full, "refuse", unlimited).level).toBe("calm");
  });

  it("makes batches larger for what has waited long, whatever room there is, and refuses by age only at its limit", () => {
    const noAge = { unsyncedAgeSec: 0 };
    expect(judge({ oldestUnsyncedMs: 10_001 }, "calm", noAge).level).toBe("widen");
    expect(judge({ oldestUnsyncedMs: 86_400_000 }, "calm", noAge).level).toBe("widen");
    expect(judge({ oldestUnsyncedMs: 1_000_000 })).toMatchObject({
      level: "refuse",
      reason: "The oldest write has waited 1000 s for the store (limit 1000 s).",
    });
  });
});

describe("delayMs", () => {
  it("grows from little to the most, and only at the level slow", () => {
    const delays = [0.86, 0.9, 0.95, 0.999].map((share) =>
      delayMs(judge({ unsyncedBytes: share * 100 * MB })),
    );

    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect(delays[0]).toBeGreaterThan(0);
    expect(delays[0]).toBeLessThan(delays[3] ?? 0);
    expect(delays[3]).toBeLessThanOrEqual(DELAY_MAX_MS);
    expect(delayMs(judge({ unsyncedBytes: 80 * MB }))).toBe(0);
  });
});

describe("refusesDeletes", () => {
  it("leaves them half of the reserve", () => {
    expect(refusesDeletes({ ...NOTHING, memoryRatio: 0.89 }, LIMITS)).toBe(false);
    expect(refusesDeletes({ ...NOTHING, memoryRatio: 0.91 }, LIMITS)).toBe(true);
    expect(refusesDeletes({ ...NOTHING, memoryRatio: null, events: 1e9 }, LIMITS)).toBe(false);
  });
});

describe("retryAfterMs", () => {
  it("is when there will be room at this rate, within bounds", () => {
    expect(retryAfterMs(1.2, 0.125)).toBe(2000);
    expect(retryAfterMs(0.95, 1)).toBe(250);
    expect(retryAfterMs(10, 0.001)).toBe(10_000);
  });

  it("is a guess where nothing gets emptier", () => {
    expect([retryAfterMs(1, 0), retryAfterMs(1, -1)]).toEqual([5000, 5000]);
  });
});
