import { describe, expect, it } from "@jest/globals";
import { SeededRandom, seeded } from "../../support/seeded-random.ts";

describe("SeededRandom", () => {
  it("repeats its sequence from the same seed", () => {
    const [one, same, other] = [new SeededRandom(7), new SeededRandom(7), new SeededRandom(8)];

    const draws = [one, same, other].map((random) => [random.fraction(), random.hex(8)]);

    expect(draws[0]).toEqual(draws[1]);
    expect(draws[0]).not.toEqual(draws[2]);
  });

  it("spreads evenly over its range", () => {
    const random = new SeededRandom(1);
    const counts = Array.from({ length: 10 }, () => 0);

    for (let draw = 0; draw < 10_000; draw += 1) counts[random.integer(10)]! += 1;

    expect(Math.min(...counts)).toBeGreaterThan(900);
    expect(Math.max(...counts)).toBeLessThan(1_100);
  });
});

describe("seeded", () => {
  it("names the seed in the message and stack of a failure, and keeps the error", async () => {
    let seed: number | undefined;
    const failure = new TypeError("wrong");
    const test = seeded((random) => {
      seed = random.seed;
      throw failure;
    });

    await expect(test()).rejects.toBe(failure);
    expect(failure.message).toBe(`wrong\n\nLOCKSTEP_TEST_SEED=${seed} repeats this failure.`);
    expect(failure.stack).toContain(`LOCKSTEP_TEST_SEED=${seed}`);
  });
});
