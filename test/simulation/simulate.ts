import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { FakeRedis } from "../support/fake-redis.ts";
import { FakeRedisCache } from "../support/fake-redis-cache.ts";
import { FakeStore, type FakeStoreOptions } from "../support/fake-store.ts";
import { openFakeStore } from "../support/fake-store-connection.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { standIn } from "../support/stand-in.ts";
import { Course, type Shared, type SimulationResult, type Surroundings } from "./course.ts";
import { type FaultMix, mixFaults } from "./faults.ts";
import { withoutEarlyReads } from "./ledger.ts";
import { Nemesis } from "./nemesis.ts";
import { SimClock } from "./sim-clock.ts";
import { SimulatedLockstep } from "./simulated-lockstep.ts";
import { Watch } from "./watch.ts";

export interface SimulationOptions {
  /** Where the steps are told; without it they are not put into words. */
  readonly lines?: string[];
  /** Instead of the mix that the seed gives. */
  readonly faults?: FaultMix;
  readonly maxmemoryPolicy?: string;
  /** Whether the seed may also give changes of the eviction policy under running processes. */
  readonly flipsPolicy?: boolean;
  /** Defects to plant, so that a test can see them found. */
  readonly plant?: {
    readonly store?: new (options: FakeStoreOptions) => FakeStore;
    /** What it gives takes the place of the methods of a process' connection. */
    readonly redis?: (cache: CacheAuthorityPort, server: FakeRedis) => Partial<CacheAuthorityPort>;
  };
}

/** One run of processes whose Redis decides: the same seed and options give the same run, step by step. */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const random = new SeededRandom(seed);
  const maxmemoryPolicy =
    options.maxmemoryPolicy ?? random.pick(["noeviction", "volatile-lru", "allkeys-lru"]);
  const mixed = mixFaults(random, options.flipsPolicy);
  const faults = options.faults ?? mixed;
  const isPinned = !maxmemoryPolicy.startsWith("allkeys-") && faults.world.policyFlip === undefined;
  const isRolledBack = faults.world.rollback !== undefined;
  return new Course({
    seed,
    random,
    lines: options.lines,
    headline: `${maxmemoryPolicy}, ${JSON.stringify(faults)}`,
    messages: faults.messages,
    isStoreLocal: false,
    provesConditions: isPinned,
    losesJournal: isRolledBack,
    judged: (history) => (isPinned ? history : withoutEarlyReads(history)),
    surround: async (shared) =>
      surround(shared, { maxmemoryPolicy, faults, isPinned, isRolledBack, plant: options.plant }),
  }).run();
}

interface CacheFirstMix {
  readonly plant: SimulationOptions["plant"];
  readonly maxmemoryPolicy: string;
  readonly faults: FaultMix;
  readonly isPinned: boolean;
  readonly isRolledBack: boolean;
}

function surround(
  { timeline, log, ledger, network, sites, fork, crash, violate }: Shared,
  { maxmemoryPolicy, faults, isPinned, isRolledBack, plant }: CacheFirstMix,
): Surroundings {
  const redisClock = new SimClock(timeline);
  const storeClock = new SimClock(timeline);
  const server = new FakeRedis({ clock: redisClock, maxmemoryPolicy });
  const store = new (plant?.store ?? FakeStore)({ clock: storeClock, storeId: "the store" });
  const watch = new Watch({
    redis: server,
    store,
    ledger,
    isPinned,
    isRolledBack,
    onViolation: violate,
  });
  const nemesis = new Nemesis({
    timeline,
    log,
    random: fork(),
    faults: faults.world,
    network,
    redis: server,
    store,
    serverClocks: [redisClock, storeClock],
    sites,
    crash,
    onChange: () => watch.look(),
  });
  return {
    watch,
    nemesis,
    close: () => undefined,
    async openProcess(machine) {
      const random = fork();
      const cache = new FakeRedisCache(server, { random });
      const redis = standIn(cache, plant?.redis?.(cache, server) ?? {});
      const connection = openFakeStore(store, machine.clock);
      const reach = <Port extends object>(port: Port) => network.connect(machine, "store", port);
      return SimulatedLockstep.compose({
        machine,
        random,
        redis: network.connect(machine, "redis", redis),
        store: {
          store: reach(connection.store),
          outbox: reach(connection.outbox),
          settings: reach(connection.settings),
          bucketStates: reach(connection.bucketStates),
          purge: reach(connection.purge),
          records: reach(connection.records),
        },
        log,
        onDefect: (what) => {
          // Where Redis was rolled back, this is the report that is owed.
          const isReport = what.includes("has lost writes that were acknowledged");
          if (!isReport || !isRolledBack) violate(what);
        },
      });
    },
  };
}
