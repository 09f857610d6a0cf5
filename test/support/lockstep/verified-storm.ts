import { Redis } from "ioredis";
import type { SeededRandom } from "../seeded-random.ts";
import { type RedisServer, type StartRedisOptions, startRedis } from "../servers/start-redis.ts";
import { waitUntil } from "../wait-until.ts";
import { type Caller, ToolFailure } from "./caller.ts";
import { contradictions, type Operation } from "./history.ts";
import { openLockstep, type Variables } from "./open-lockstep.ts";
import { startLockstep } from "./start-lockstep.ts";
import { storm } from "./storm.ts";
import { issuesIn, MODES, type Mode, verifyInEveryMode } from "./verify-modes.ts";

/** Seconds on an idle machine. */
export const STORM_LIMIT_MS = 120_000;

/** How long everything is verified before there is any drift, at least. */
const QUIET_MS = 2_000;

export interface Weather {
  readonly redis?: StartRedisOptions;
  /** What Redis evicts because it is full: the caller's options have to see to that. */
  readonly evicts?: "anything" | "what is synced";
}

/** Where the rows lie, and how another program spoils one of them. */
export interface Rows {
  readonly variables: Variables;
  readonly spoil: (key: string) => Promise<void>;
}

/** What came of a storm. */
export interface StormReport {
  /** Issues that were named while there was no drift. */
  readonly alarms: readonly unknown[];
  /** The keys that each mode named once there was, while the storm went on. */
  readonly named: Readonly<Record<Mode, readonly string[]>>;
  /** The keys that a full pass names when it is over. */
  readonly left: readonly string[];
  /** Whether there were writes all the time. */
  readonly wentOn: boolean;
  readonly contradictions: readonly string[];
  /** Whether a caller was told that nobody knows what became of its write, without a reason. */
  readonly hasUnknown: boolean;
  readonly hasEvicted: boolean;
}

/** Each value weighs 16 kB where Redis is to evict, so that all keys together are more than the 4 MB it may hold. */
export const TIGHT = ["--maxmemory", "4mb", "--maxmemory-policy"] as const;
const PADDING = ` ${"x".repeat(16_384)}`;
const MANY_KEYS = Array.from({ length: 600 }, (_, i) => `item:${i}`);
const FEW_KEYS = MANY_KEYS.slice(0, 30);

/** Of few keys, two of three operations are on these: the more often a key is written, the more often a look falls between. */
const HOT_KEYS = FEW_KEYS.slice(0, 4);

const IN_REDIS = "drift in Redis";
const IN_ROW = "drift in a row";

/** The keys that another hand changes; in Redis only where they then stay, as they have no TTL. */
function driftIn({ redis, evicts }: Weather): readonly string[] {
  return redis === undefined || evicts === "anything" ? [IN_ROW] : [IN_REDIS, IN_ROW];
}

/** What comes of a storm where verification names drift and nothing else. */
export function onlyDrift(weather: Weather): StormReport {
  const planted = driftIn(weather);
  return {
    alarms: [],
    named: { full: planted, parts: planted, sample: planted, digests: planted },
    left: planted,
    wentOn: true,
    contradictions: [],
    hasUnknown: false,
    hasEvicted: weather.evicts !== undefined,
  };
}

/**
 * Two instances write as fast as they can, and these two and a process of its own verify in every mode meanwhile: first
 * while there is nothing to be found, then while there is.
 */
export async function verifyThroughStorm(
  random: SeededRandom,
  weather: Weather,
  rows: Rows,
): Promise<StormReport> {
  const redis = weather.redis === undefined ? undefined : await startRedis(weather.redis);
  const opened: Caller[] = [];
  try {
    const variables = {
      ...rows.variables,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      // Unpinned, a suspicion is looked at again after the longest call, which this makes shorter.
      ...(weather.evicts === "anything" ? { LOCKSTEP_SYNC_TIMEOUT_MS: "1000" } : {}),
    };
    opened.push(await openLockstep(variables));
    opened.push(await openLockstep({ ...variables, LOCKSTEP_SYNC_MODE: "event-only" }));
    opened.push(await startLockstep(variables));
    const instances = weather.evicts === "anything" ? opened.map(undeterred) : opened;
    return await verifyThrough(random, weather, { rows, redis, instances });
  } finally {
    await Promise.all(opened.map((one) => one.close()));
    await redis?.close();
  }
}

interface Stage {
  readonly rows: Rows;
  readonly redis: RedisServer | undefined;
  /** One that writes directly, one that writes by events, and one that only verifies. */
  readonly instances: readonly Caller[];
}

async function verifyThrough(
  random: SeededRandom,
  weather: Weather,
  stage: Stage,
): Promise<StormReport> {
  const { evicts } = weather;
  const { instances, redis } = stage;
  const [direct, byEvent, verifier] = instances as [Caller, Caller, Caller];
  const keys = evicts === undefined ? FEW_KEYS : MANY_KEYS;
  const hot = Array.from({ length: 2 * keys.length }, (_, i) => HOT_KEYS[i % HOT_KEYS.length]!);
  const limit = Math.ceil(keys.length / 1.5);

  const blowing = { isOver: false, hasEnded: false };
  const history: Operation[] = [];
  const storming = storm([direct, byEvent], {
    random,
    keys: evicts === undefined ? [...keys, ...hot] : keys,
    padding: evicts === undefined ? "" : PADDING,
    operations: 40_000,
    stop: () => blowing.isOver,
    history,
  });
  const ended = () => {
    blowing.hasEnded = true;
  };
  void storming.then(ended, ended);
  const alarms: unknown[] = [];
  let named: StormReport["named"];
  let wentOn: boolean;
  try {
    const beganMs = performance.now();
    do {
      const reports = await verifyInEveryMode(instances, { limit, sampleSize: keys.length / 2 });
      for (const mode of MODES)
        if (reports[mode].some(({ overallSyncHealth }) => overallSyncHealth !== "HEALTHY"))
          alarms.push({ mode, issues: issuesIn(reports[mode]) });
      const one = await verifier.call("verify_key_sync", { key: random.pick(keys) });
      if (!one.inSync) alarms.push(one);
    } while (!blowing.hasEnded && (performance.now() - beganMs < QUIET_MS || history.length < 900));
    await plantDrift(direct, weather, stage);
    const { full, parts, sample, digests } = await verifyInEveryMode(instances, { limit });
    named = {
      full: keysIn(issuesIn(full)),
      parts: keysIn(issuesIn(parts)),
      sample: keysIn(issuesIn(sample)),
      digests: keysIn(issuesIn(digests)),
    };
    wentOn = !blowing.hasEnded;
  } finally {
    blowing.isOver = true;
    await storming;
  }

  const quiet = await waitUntil(
    async () => {
      const report = await verifier.call("verify_cache_sync");
      return report.unprocessedOutboxEvents === 0 && report;
    },
    { withinMs: STORM_LIMIT_MS, what: "the backlog to drain" },
  );
  return {
    alarms,
    named,
    left: keysIn(issuesIn([quiet])),
    wentOn,
    contradictions: contradictions(history, { versionsAreEvicted: evicts === "anything" }),
    // Where Redis may evict the state of a bucket too, a write that is under way then is not known to have happened.
    hasUnknown: evicts !== "anything" && history.some(({ op }) => op === "unknown"),
    hasEvicted: redis !== undefined && (await evictedKeys(redis.url)) > 0,
  };
}

/** Drift that stands still whatever Redis evicts: what changes under a look is taken for traffic. */
async function plantDrift(writer: Caller, weather: Weather, { rows, redis }: Stage): Promise<void> {
  const planted = driftIn(weather);
  for (const key of planted) await writer.call("kv_set", { key, value: "v", ack: "shadow" });
  await rows.spoil(IN_ROW);
  if (redis === undefined) return;
  await withRedis(redis.url, async (client) => {
    if (weather.evicts !== undefined)
      await client.del(IN_ROW, `lockstep:m:${IN_ROW}`, `lockstep:m:${IN_REDIS}`);
    if (planted.includes(IN_REDIS)) await client.set(IN_REDIS, "theirs");
  });
}

/**
 * Calls again where Redis has thrown away the state of a bucket once more in the moment in which it had been recovered:
 * then nothing was done, and nothing was found.
 */
function undeterred(caller: Caller): Caller {
  return {
    async call(tool, args) {
      for (let calls = 1; ; calls += 1) {
        try {
          return await caller.call(tool, args);
        } catch (error) {
          const isLost = error instanceof ToolFailure && error.code === "RECOVERING";
          if (!isLost || calls === 10) throw error;
        }
      }
    },
    close: () => caller.close(),
  };
}

function keysIn(issues: readonly string[]): readonly string[] {
  return issues.map((issue) => issue.slice(0, issue.lastIndexOf(":")));
}

async function evictedKeys(url: string): Promise<number> {
  const stats = await withRedis(url, (client) => client.info("stats"));
  return Number(/evicted_keys:(\d+)/.exec(stats)?.[1]);
}

async function withRedis<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}
