import { describe, expect, it } from "@jest/globals";
import { looksToTell, wilsonInterval } from "../../../src/lib/wilson-interval.ts";
import { seeded } from "../../support/seeded-random.ts";

describe("Wilson's interval", () => {
  // The last two are worked examples of Newcombe (1998), method 3.
  it.each([
    { hits: 0, looks: 0, low: 0, high: 1 },
    { hits: 0, looks: 10, low: 0, high: 0.278 },
    { hits: 10, looks: 10, low: 0.722, high: 1 },
    { hits: 50, looks: 50, low: 0.929, high: 1 },
    { hits: 45, looks: 50, low: 0.786, high: 0.957 },
    { hits: 81, looks: 263, low: 0.255, high: 0.366 },
    { hits: 1, looks: 29, low: 0.006, high: 0.172 },
  ])("of $hits in $looks is $low to $high", ({ hits, looks, low, high }) => {
    const interval = wilsonInterval(hits, looks);

    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });

  it(
    "holds the seen share, within 0 and 1, and narrows as the sample grows",
    seeded((random) => {
      for (let round = 0; round < 500; round += 1) {
        const looks = 1 + random.integer(2_000);
        const hits = random.integer(looks + 1);

        const { low, high } = wilsonInterval(hits, looks);
        const narrower = wilsonInterval(hits * 4, looks * 4);

        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(hits / looks);
        expect(high).toBeGreaterThanOrEqual(hits / looks);
        expect(narrower.high - narrower.low).toBeLessThan(high - low);
      }
    }),
  );
});

describe("the looks that tell a share from a threshold", () => {
  it.each([
    { share: 1, threshold: 0.9, looks: 35 },
    { share: 0.95, threshold: 0.9, looks: 139 },
    { share: 0.85, threshold: 0.9, looks: 139 },
    { share: 0.9, threshold: 0.9, looks: Number.POSITIVE_INFINITY },
  ])("are $looks for $share and $threshold", ({ share, threshold, looks }) => {
    expect(looksToTell(share, threshold)).toBe(looks);
  });

  it(
    "are the first whose interval leaves the threshold out",
    seeded((random) => {
      for (let round = 0; round < 300; round += 1) {
        const [share, threshold] = [random.fraction(), random.fraction()];
        const tells = (looks: number) => {
          const { low, high } = wilsonInterval(share * looks, looks);
          return threshold < low || threshold > high;
        };

        const looks = looksToTell(share, threshold);

        // Where the two all but meet, rounding has the last word.
        if (looks > 10_000) continue;
        expect(tells(looks)).toBe(true);
        // Without a look nothing is known, so that none tells nothing either.
        expect(tells(looks - 1)).toBe(false);
      }
    }),
  );
});
