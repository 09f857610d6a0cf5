import { describe, expect, it } from "@jest/globals";
import type { WriteCommand } from "../../../src/model/write-command.ts";
import type { StoreAuthorityPort } from "../../../src/store/store-authority-port.ts";
import type { SimulationResult } from "../../simulation/course.ts";
import { NO_FAULTS } from "../../simulation/faults.ts";
import { type SimulationOptions, simulate } from "../../simulation/simulate.ts";
import type { SimulatedStore } from "../../simulation/simulated-lockstep.ts";
import {
  type StoreFirstOptions,
  simulateStoreFirst,
} from "../../simulation/store-first/simulate-store-first.ts";
import { FakeStore } from "../../support/fake-store.ts";
import { standIn } from "../../support/stand-in.ts";

/** `npm run simulate` runs as many as it is told; these take a few seconds in all. */
const SEEDS_PER_TEST = 8;
const BEGINS = [1, 21];

/** Far above what it takes on a quiet machine. */
const LIMIT_MS = 120_000;

type Run = (seed: number, options?: { readonly lines?: string[] }) => Promise<SimulationResult>;

/** The first of so many seeds that violates something, and what. */
async function firstViolation(seeds: number, run: (seed: number) => ReturnType<Run>, from = 1) {
  for (let seed = from; seed < from + seeds; seed += 1) {
    const { violation } = await run(seed);
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

const kinds: readonly (readonly [string, Run])[] = [
  ["cache-first", simulate],
  ["store-first", simulateStoreFirst],
];

describe.each(kinds)("a simulation of %s processes", (authority, run) => {
  it.each(BEGINS)(
    `finds nothing in ${SEEDS_PER_TEST} seeds from %i on (npm run simulate -- --seed <n> shows the steps of one)`,
    async (from) => {
      expect(await firstViolation(SEEDS_PER_TEST, run, from)).toBeUndefined();
    },
    LIMIT_MS,
  );

  it.each([2])("goes the same way each time: seed %i", async (seed) => {
    const runs: string[][] = [[], []];

    const results = [];
    for (const lines of runs) results.push(await run(seed, { lines }));

    expect(runs[0]!.length).toBeGreaterThan(50);
    expect(runs[1]).toEqual(runs[0]);
    expect(results[1]).toEqual(results[0]);
  });

  it("goes the same way whether or not its steps are put into words, and another way with another seed", async () => {
    const { history } = await run(3);

    expect((await run(3, { lines: [] })).history).toEqual(history);
    expect((await run(4)).history).not.toEqual(history);
    expect(authority).toMatch(/first$/);
  });
});

describe("a simulation in which nothing goes wrong", () => {
  const calm: readonly (readonly [string, () => Promise<SimulationResult>])[] = [
    ...["noeviction", "volatile-lru", "allkeys-lru"].map(
      (maxmemoryPolicy) =>
        [
          `of Redis with ${maxmemoryPolicy}`,
          () => simulate(1, { maxmemoryPolicy, faults: NO_FAULTS }),
        ] as const,
    ),
    ...(["sqlite", "mongodb"] as const).map(
      (kind) => [`of ${kind}`, () => simulateStoreFirst(1, { kind, faults: NO_FAULTS })] as const,
    ),
  ];

  it.each(calm)("%s lets every call but the conditional ones succeed", async (_what, run) => {
    const { violation, counts } = await run();

    expect(violation).toBeUndefined();
    expect(counts).toMatchObject({ unknown: 0, failed: 0 });
    expect(counts.acknowledged).toBeGreaterThan(20);
    expect(counts.reads).toBeGreaterThan(10);
  });
});

class ForgetfulStore extends FakeStore {
  protected override replaces(): boolean {
    return true;
  }
}

describe("a simulation of a server with a defect", () => {
  const cacheFirst: readonly (readonly [string, SimulationOptions])[] = [
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

  it.each(cacheFirst)(
    "finds %s",
    async (_, options) => {
      // From where the first of them is soon found; how many it takes depends on all that is simulated.
      expect(await firstViolation(150, (seed) => simulate(seed, options), 60)).toBeDefined();
    },
    LIMIT_MS,
  );

  const storeFirst: readonly (readonly [string, StoreFirstOptions])[] = [
    [
      "a process that serves its copies whatever others have written",
      {
        kind: "sqlite",
        faults: NO_FAULTS,
        plant: {
          store: withAuthority(() => ({ changeStamp: () => 0 })),
          copyCache: (cache) => standIn(cache, { put: (entry) => cache.put(entry, 0) }),
        },
      },
    ],
    [
      "a store that does not judge conditions",
      {
        kind: "mongodb",
        faults: NO_FAULTS,
        plant: {
          store: withAuthority((authority) => ({
            write: (command, options) => authority.write(withoutTerms(command), options),
          })),
        },
      },
    ],
    [
      "a projector that marks events without applying them",
      {
        kind: "sqlite",
        plant: {
          store: (ports) => ({
            ...ports,
            store: standIn(ports.store, {
              applyNewer: async (entries) =>
                new Map(entries.map(({ key, version }) => [key, version])),
            }),
          }),
        },
      },
    ],
  ];

  it.each(storeFirst)(
    "finds %s",
    async (_, options) => {
      expect(await firstViolation(60, (seed) => simulateStoreFirst(seed, options))).toBeDefined();
    },
    LIMIT_MS,
  );
});

function withAuthority(defect: (authority: StoreAuthorityPort) => Partial<StoreAuthorityPort>) {
  return ({ authority, ...ports }: SimulatedStore): SimulatedStore =>
    authority === undefined
      ? ports
      : { ...ports, authority: standIn(authority, defect(authority)) };
}

function withoutTerms(command: WriteCommand): WriteCommand {
  const { key, sessionId, interactionId } = command;
  if (command.op === "delete") return { op: "delete", key, sessionId, interactionId };
  const { value, hash, ttlMs } = command;
  return { op: "set", key, value, hash, ttlMs, sessionId, interactionId };
}
