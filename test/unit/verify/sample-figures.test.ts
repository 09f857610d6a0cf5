import { describe, expect, it } from "@jest/globals";
import { judgeSample } from "../../../src/verify/sample-figures.ts";

const part = { population: 1_000_000, isAll: false };

describe("judgeSample", () => {
  it.each([
    [50, 0.0582],
    [300, 0.00994],
    [1000, 0.00299],
  ])("says that %i keys which show nothing can hide a drift of %d", (checked, rate) => {
    const { driftRate, smallestVisibleRate, interval } = judgeSample({
      ...part,
      checked,
      issues: 0,
    });

    expect(driftRate).toBe(0);
    expect(smallestVisibleRate).toBeCloseTo(rate, 4);
    // A sample of that size is blind in 5 % of cases at just this rate.
    expect((1 - smallestVisibleRate) ** checked).toBeCloseTo(0.05, 10);
    expect(interval.low).toBe(0);
    expect(interval.high).toBeGreaterThan(smallestVisibleRate);
  });

  it("gives rate and interval of what was found", () => {
    const { driftRate, interval } = judgeSample({ ...part, checked: 200, issues: 10 });

    expect(driftRate).toBe(0.05);
    expect(interval.low).toBeCloseTo(0.0274, 3);
    expect(interval.high).toBeCloseTo(0.0896, 3);
  });

  it("knows everything where the sample was all keys", () => {
    expect(judgeSample({ checked: 4, issues: 1, population: 4, isAll: true })).toEqual({
      population: 4,
      isAll: true,
      driftRate: 0.25,
      interval: { low: 0.25, high: 0.25 },
      smallestVisibleRate: 0,
    });
  });

  it("knows nothing where no key was met", () => {
    expect(judgeSample({ ...part, checked: 0, issues: 0 })).toMatchObject({
      interval: { low: 0, high: 1 },
      smallestVisibleRate: 1,
    });
  });
});
