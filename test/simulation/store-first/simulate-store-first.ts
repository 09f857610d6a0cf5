import type { CopyCachePort } from "../../../src/cache/copy-cache-port.ts";
import { MemoryCache } from "../../../src/cache/drivers/memory/memory-cache.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { Course, type Shared, type SimulationResult, type Surroundings } from "../course.ts";
import { type FaultMix, mixFaults } from "../faults.ts";
import type { Machine } from "../machine.ts";
import { SimClock } from "../sim-clock.ts";
import { SimulatedLockstep, type SimulatedStore } from "../simulated-lockstep.ts";
import { openMongoServer } from "./mongo-server.ts";
import type { SharedStore } from "./shared-store.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import { StoreFirstNemesis } from "./store-first-nemesis.ts";
import { StoreFirstWatch } from "./store-first-watch.ts";

export interface StoreFirstOptions {
  /** Where the steps are told; without it they are not put into words. */
  readonly lines?: string[];
  /** Instead of the mix that the seed gives. */
  readonly faults?: FaultMix;
  /** Instead of the store that the seed gives. */
  readonly kind?: "sqlite" | "mongodb";
  /** Defects to plant, so that a test can see them found. */
  readonly plant?: {
    readonly store?: (store: SimulatedStore) => SimulatedStore;
    readonly copyCache?: (cache: CopyCachePort) => CopyCachePort;
  };
}

/**
 * One run of processes without Redis on one store: the real SQLite driver on a file, or the driver's authority on a
 * simulated MongoDB. The same seed and options give the same run, step by step.
 */
export function simulateStoreFirst(
  seed: number,
  options: StoreFirstOptions = {},
): Promise<SimulationResult> {
  const random = new SeededRandom(seed);
  const kind = options.kind ?? random.pick(["sqlite", "mongodb"]);
  const mixed = mixFaults(random);
  const faults = options.faults ?? mixed;
  // A library in the process loses no messages: its calls are late, or their caller is gone.
  const lossless = { lostRequest: 0, lostReply: 0, duplicate: 0 };
  return new Course({
    seed,
    random,
    lines: options.lines,
    headline: `store first on ${kind}, ${JSON.stringify(faults)}`,
    messages: kind === "sqlite" ? { ...faults.messages, ...lossless } : faults.messages,
    isStoreLocal: kind === "sqlite",
    provesConditions: true,
    losesJournal: false,
    judged: (history) => history,
    surround: (shared) => surround(shared, { kind, faults, plant: options.plant }),
  }).run();
}

interface StoreFirstMix {
  readonly kind: "sqlite" | "mongodb";
  readonly faults: FaultMix;
  readonly plant: StoreFirstOptions["plant"];
}

async function surround(
  { timeline, log, ledger, network, sites, fork, crash, violate }: Shared,
  { kind, faults, plant }: StoreFirstMix,
): Promise<Surroundings> {
  const serverClock = new SimClock(timeline);
  const store: SharedStore =
    kind === "sqlite" ? await openSqliteFile(fork()) : openMongoServer(serverClock);
  const copies = new Map<Machine, CopyCachePort>();
  const watch = new StoreFirstWatch({ store, ledger, onViolation: violate });
  const nemesis = new StoreFirstNemesis({
    timeline,
    log,
    random: fork(),
    faults: faults.world,
    network,
    store,
    kind,
    serverClock,
    sites,
    copyOf: (machine) => copies.get(machine),
    crash,
    onChange: () => watch.look(),
  });
  return {
    watch,
    nemesis,
    close: () => store.close(),
    openProcess(machine) {
      const random = fork();
      const { clock } = machine;
      clock.step(nemesis.wallClockIsOffByMs);
      const cache = new MemoryCache({ clock, random, maxBytes: 1024 * 1024 });
      const copyCache = plant?.copyCache?.(cache) ?? cache;
      copies.set(machine, copyCache);
      const connected = store.connect(machine, (port) => network.connect(machine, "store", port));
      return SimulatedLockstep.compose({
        machine,
        random,
        store: plant?.store?.(connected) ?? connected,
        copyCache,
        // What is committed may still be lost on its way to the caller, with the process that has committed it.
        answerMs: () => random.fraction() * 0.3,
        log,
        onDefect: violate,
      });
    },
  };
}
