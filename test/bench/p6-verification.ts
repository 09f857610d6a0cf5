import { readFile } from "node:fs/promises";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import type { Place } from "./drain-mongo.ts";
import type { Figure } from "./figure.ts";
import { fillPlace } from "./fill-place.ts";
import { openServer, type Variables } from "./open-server.ts";
import { startLockstep } from "./programs.ts";
import { readBothSides } from "./raw-reading.ts";
import { alternate, type Spread } from "./rounds.ts";
import { verifyAll } from "./verify-all.ts";

const FLOOR_PER_SECOND = 50_000;
const TARGET_PER_SECOND = 150_000;

/**
 * Node lets a heap grow with the time that a process works, far beyond what it needs, as long as it may. So bounded, memory
 * shows what a pass needs.
 */
const HEAP_MB = 96;
const BOUNDED_HEAP: Variables = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` };

const KEYS = 1_000_000;
const FEW_KEYS = 10_000;
const KEYS_SMALL = 2_000;
const FEW_KEYS_SMALL = 500;

/**
 * A full pass of `verify_cache_sync` over keys that are all in step, with their contents and without. The ceiling reads
 * both sides whole by bare clients and compares nothing. Memory is the highest that a server process of its own ever
 * held, from its start to the end of one pass, over a million keys and over ten thousand; once more with a bounded heap.
 */
export const measureVerification: Bench = async (options) => {
  const redis = await startRedis();
  const mongo = await startMongo();
  const { many, few } = options.small
    ? { many: KEYS_SMALL, few: FEW_KEYS_SMALL }
    : { many: KEYS, few: FEW_KEYS };
  const filled = async (name: string, database: number, keys: number): Promise<Filled> => {
    options.say(`P6 filling ${keys.toLocaleString("en")} keys`);
    const place = { uri: mongo.uriOf(name), redisUrl: `${redis.url}/${database}` };
    await fillPlace(place, keys);
    return { place, keys, name: `${keys.toLocaleString("en")} keys` };
  };
  try {
    const all = await filled("verify-many", 0, many);
    return [
      ...(await measureRates(all, options)),
      ...(await measurePeaks(await filled("verify-few", 1, few), all, options)),
    ];
  } finally {
    await mongo.close();
    await redis.close();
  }
};

interface Filled {
  readonly place: Place;
  readonly keys: number;
  readonly name: string;
}

async function measureRates(
  { place, keys, name }: Filled,
  options: BenchOptions,
): Promise<readonly Figure[]> {
  options.say("P6 verification");
  const server = await openServer(variablesOf(place));
  const { raw, contents, digests } = await alternate(options, {
    raw: () => readBothSides(place, keys),
    contents: () => verifyAll(server, keys, { contents: true }),
    digests: () => verifyAll(server, keys, { contents: false }),
  });
  await server.close();
  const rate = (what: string, measured: Spread): Figure => ({
    metric: "P6",
    what: `full pass over ${name}, ${what}`,
    unit: "keys/s",
    better: "higher",
    measured,
    ceilings: [{ what: "reading both sides", measured: raw }],
    floor: { value: FLOOR_PER_SECOND },
    target: { value: TARGET_PER_SECOND },
  });
  return [rate("contents compared", contents), rate("digests compared", digests)];
}

async function measurePeaks(
  few: Filled,
  many: Filled,
  options: BenchOptions,
): Promise<readonly Figure[]> {
  options.say("P6 memory");
  const peaks = await alternate(options, {
    few: () => peakOfPassMb(few.place),
    many: () => peakOfPassMb(many.place),
    fewBounded: () => peakOfPassMb(few.place, BOUNDED_HEAP),
    manyBounded: () => peakOfPassMb(many.place, BOUNDED_HEAP),
  });
  const peak = (what: string, measured: Spread, beside: Spread): Figure => ({
    metric: "P6",
    what: `most memory that a pass over ${many.name} took${what}`,
    unit: "MB",
    better: "lower",
    measured,
    ceilings: [{ what: `over ${few.name}`, measured: beside }],
    floor: { timesCeiling: 2 },
    target: { timesCeiling: 1.2 },
  });
  return [
    peak("", peaks.many, peaks.few),
    peak(`, heap of at most ${HEAP_MB} MB`, peaks.manyBounded, peaks.fewBounded),
  ];
}

function variablesOf({ uri, redisUrl }: Place): Variables {
  return { REDIS_URL: redisUrl, MONGODB_URI: uri };
}

/** The highest resident memory of a server that starts, makes one pass and ends. Linux counts it. */
async function peakOfPassMb(place: Place, settings: Variables = {}): Promise<number> {
  // On a slow machine a pass takes longer than a call may by default.
  const patience = { LOCKSTEP_CALL_TIMEOUT_MS: "600000" };
  const server = startLockstep({ ...variablesOf(place), ...patience, ...settings });
  try {
    await server.initialize();
    await server.call("verify_cache_sync", {});
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1]) / 1024;
  } finally {
    await server.close();
  }
}
