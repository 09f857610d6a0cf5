import { describe, expect, it } from "@jest/globals";
import { NO_FAULTS } from "../../simulation/faults.ts";
import { type SimulationOptions, simulate } from "../../simulation/simulate.ts";
import { FakeStore } from "../../support/fake-store.ts";

/** `npm run simulate` runs as many as it is told; these take a few seconds. */
const SEEDS_PER_TEST = 20;
const BEGINS = [1, 21, 41, 61];

/** Far above what it takes on a quiet machine. */
const LIMIT_MS = 120_000;

/** The first of so many seeds that violates something, and what. */
async function firstViolation(seeds: number, options: SimulationOptions = {}, from = 1) {
  for (let seed = from; seed < from + seeds; seed += 1) {
    const { violation } = await simulate(seed, options);
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

class ForgetfulStore extends FakeStore {
  protected override replaces(): boolean {
    return true;
  }
}

describe("a simulation", () => {
  it.each(BEGINS)(
    `finds nothing in ${SEEDS_PER_TEST} seeds from %i on (npm run simulate -- --seed <n> shows the steps of one)`,
    async (from) => {
      expect(await firstViolation(SEEDS_PER_TEST, {}, from)).toBeUndefined();
    },
    LIMIT_MS,
  );

  it("finds nothing where nothing goes wrong, and every call but the conditional ones succeeds", async () => {
    for (const maxmemoryPolicy of ["noeviction", "volatile-lru", "allkeys-lru"]) {
      const { violation, counts } = await simulate(1, { maxmemoryPolicy, faults: NO_FAULTS });

      expect(violation).toBeUndefined();
      expect(counts).toMatchObject({ unknown: 0, failed: 0 });
      expect(counts.acknowledged).toBeGreaterThan(20);
      expect(counts.reads).toBeGreaterThan(10);
    }
  });

  it.each([1, 2, 3, 4, 5])("goes the same way each time: seed %i", async (seed) => {
    const runs: string[][] = [[], []];

    const results = [];
    for (const lines of runs) results.push(await simulate(seed, { lines }));

    expect(runs[0]!.length).toBeGreaterThan(50);
    expect(runs[1]).toEqual(runs[0]);
    expect(results[1]).toEqual(results[0]);
  });

  it("goes the same way whether or not its steps are put into words", async () => {
    const { history } = await simulate(7);

    expect((await simulate(7, { lines: [] })).history).toEqual(history);
  });

  it("goes another way with another seed", async () => {
    const [one, other] = [await simulate(1), await simulate(2)];

    expect(other.history).not.toEqual(one.history);
  });
});

describe("a simulation of a server with a defect", () => {
  const defects: readonly (readonly [string, SimulationOptions])[] = [
    ["a store that takes an older write for a newer one", { plant: { store: ForgetfulStore } }],
    [
      "a Redis that is told of a synced write without its version",
      {
        maxmemoryPolicy: "noeviction",
        plant: {
          redis: (cache, server) => ({
            acknowledge: (acks) =>
              cache.acknowledge(
                acks.map(({ key, version }) => ({
                  key,
                  version: server.metas.get(key)?.meta?.version ?? version,
                })),
              ),
          }),
        },
      },
    ],
  ];

  it.each(defects)(
    "finds %s",
    async (_, options) => {
      // From where the first of them is soon found; how many it takes depends on all that is simulated.
      expect(await firstViolation(150, options, 60)).toBeDefined();
    },
    LIMIT_MS,
  );
});
