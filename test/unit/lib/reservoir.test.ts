import { describe, expect, it } from "@jest/globals";
import { Reservoir } from "../../../src/lib/reservoir.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

describe("Reservoir", () => {
  it("keeps everything while there is room", () => {
    const reservoir = new Reservoir<number>(3, new SeededRandom(1));
    for (const item of [1, 2, 3]) reservoir.add(item);

    expect(reservoir.items).toEqual([1, 2, 3]);
    expect(reservoir.seen).toBe(3);
  });

  it("keeps nothing where there is no room at all", () => {
    const reservoir = new Reservoir<number>(0, new SeededRandom(1));
    reservoir.add(1);

    expect(reservoir.items).toEqual([]);
  });

  it("passes over what it keeps already, and takes again what it has let go", () => {
    const reservoir = new Reservoir<number>(1, { fraction: () => 0, hex: () => "" });
    reservoir.add(1);
    reservoir.add(1);
    expect([reservoir.items, reservoir.seen]).toEqual([[1], 1]);

    // Each goes to the first place here, and lets go of what was there.
    reservoir.add(2);
    reservoir.add(1);

    expect([reservoir.items, reservoir.seen]).toEqual([[1], 3]);
  });

  it("keeps each of many with the same chance, the first and the last too", () => {
    const random = new SeededRandom(7);
    const kept = Array.from({ length: 20 }, () => 0);
    for (let round = 0; round < 10_000; round += 1) {
      const reservoir = new Reservoir<number>(5, random);
      for (let item = 0; item < 20; item += 1) reservoir.add(item);
      for (const item of reservoir.items) kept[item] = (kept[item] ?? 0) + 1;
    }

    // A quarter each: 2500, with a standard deviation of 43.
    for (const times of kept) expect(Math.abs(times - 2500)).toBeLessThan(220);
  });
});
