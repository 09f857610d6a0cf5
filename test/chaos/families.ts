import { CLASSES, type CopyClass, isIssue } from "../../src/verify/classify.ts";
import type { ServerName } from "../support/servers/found-servers.ts";
import { stepRedisClock, stepServerClock } from "./faults/clock-faults.ts";
import { evictKind, rollBackToUntold, squeeze } from "./faults/eviction-faults.ts";
import {
  demoteAndPromote,
  failOver,
  failOverBehind,
  returnOfThePrimary,
  splitBrain,
} from "./faults/failover-faults.ts";
import { redisLink, storeLink } from "./faults/link-faults.ts";
import {
  flipPolicy,
  flushAll,
  flushScripts,
  killConnections,
  killRedis,
  pauseRedis,
  rollBack,
} from "./faults/redis-faults.ts";
import { killAllServers, killServer, pauseServer } from "./faults/server-faults.ts";
import { killMongo, killPrimary, pauseMongo, stepDown } from "./faults/store-faults.ts";
import type { Family, Promises } from "./run/family.ts";

/** Redis keeps what it has and evicts nothing: everything that is promised holds. */
const everything: Promises = { redisKeepsData: true, mayShowUntold: false, findings: [] };

/**
 * Redis evicts what it likes, and so may show a write whose caller was never told that it stands. Where the answer of
 * Redis itself was lost, nobody takes that write back or brings it to the store: it is found missing there.
 */
const unpinned: Promises = {
  ...everything,
  mayShowUntold: true,
  findings: ["missing"],
  leftForRepair: ["missing"],
};

/** Redis has lost something: what is in the store alone is sure, and the two are at odds until it is mended. */
const rolledBack: Promises = {
  redisKeepsData: false,
  mayShowUntold: false,
  findings: (Object.keys(CLASSES) as CopyClass[]).filter(isIssue),
};

const evicting = ["--notify-keyspace-events", "Ee", "--maxmemory", "4mb", "--maxmemory-policy"];

/** What was answered is on the disk. */
const durable = ["--appendonly", "yes", "--appendfsync", "always"];

/** Files that are copied while Redis writes them must only grow. */
const neverRewritten = ["--auto-aof-rewrite-percentage", "0"];

const servers = 2;
const keys = 16;

/** The order of their faults decides which of them the small run of the tests meets. */
export const families: readonly Family[] = [
  {
    name: "processes",
    backends: { redis: "system", mongo: 0 },
    servers: 3,
    keys,
    faults: [killServer, pauseServer, killServer, pauseServer, killAllServers],
    promises: everything,
  },
  {
    name: "store-outages",
    backends: { redis: "system", mongo: 0 },
    servers,
    keys,
    faults: [killMongo, pauseMongo, storeLink, storeLink, killServer],
    promises: everything,
  },
  {
    name: "replica-set",
    backends: { redis: "system", mongo: 3 },
    servers,
    keys,
    faults: [stepDown, killPrimary, pauseMongo, pauseServer],
    promises: everything,
  },
  {
    name: "redis-links",
    backends: { redis: "system", mongo: 0 },
    servers,
    keys,
    faults: [
      redisLink,
      redisLink,
      redisLink,
      pauseRedis,
      killConnections,
      flushScripts,
      pauseServer,
    ],
    promises: everything,
  },
  {
    name: "redis-6.2-links",
    backends: { redis: "6.2", mongo: 0 },
    servers,
    keys,
    faults: [redisLink, redisLink, pauseRedis, killConnections, flushScripts, killServer],
    promises: everything,
  },
  {
    name: "redis-restarts",
    backends: { redis: "system", redisArgs: durable, mongo: 0 },
    servers,
    keys,
    faults: [killRedis, killRedis, pauseRedis, redisLink, storeLink, killServer],
    promises: everything,
  },
  {
    name: "redis-6.2-restarts",
    backends: { redis: "6.2", redisArgs: durable, mongo: 0 },
    servers,
    keys,
    faults: [killRedis, pauseRedis, storeLink, killServer],
    promises: everything,
  },
  {
    name: "everything-at-once",
    backends: { redis: "system", redisArgs: durable, mongo: 0 },
    servers: 3,
    keys,
    faults: [
      pauseMongo,
      flushScripts,
      killRedis,
      pauseRedis,
      killMongo,
      storeLink,
      killServer,
      pauseServer,
      redisLink,
    ],
    promises: everything,
  },
  {
    name: "policy-flips",
    backends: { redis: "system", mongo: 0 },
    servers,
    keys,
    faults: [flipPolicy, flipPolicy, storeLink],
    promises: { ...everything, mayShowUntold: true },
  },
  {
    name: "squeezed-lru",
    backends: { redis: "system", redisArgs: [...evicting, "allkeys-lru"], mongo: 0 },
    servers,
    keys: 120,
    valueBytes: 16_384,
    faults: [squeeze, evictKind, evictKind, squeeze, storeLink],
    promises: unpinned,
    mustEvict: ["value", "meta"],
  },
  {
    name: "squeezed-random",
    backends: { redis: "6.2", redisArgs: [...evicting, "allkeys-random"], mongo: 0 },
    servers,
    keys: 120,
    valueBytes: 16_384,
    faults: [squeeze, evictKind, squeeze, killMongo, storeLink],
    promises: unpinned,
    mustEvict: ["value", "meta"],
  },
  {
    name: "clocks",
    backends: { redis: "6.2", mongo: 0 },
    servers,
    keys,
    steppedClock: true,
    faults: [stepRedisClock, stepServerClock, killServer, storeLink],
    promises: everything,
  },
  {
    name: "rollbacks",
    backends: { redis: "system", mongo: 0 },
    servers,
    keys,
    faults: [killRedis, flushAll, rollBack, killServer, storeLink],
    promises: rolledBack,
  },
  {
    name: "redis-6.2-rollbacks",
    backends: { redis: "6.2", redisArgs: ["--appendonly", "yes", ...neverRewritten], mongo: 0 },
    servers,
    keys,
    faults: [rollBack, flushAll, pauseServer, pauseMongo],
    promises: rolledBack,
  },
  {
    name: "squeezed-rollbacks",
    backends: {
      redis: "system",
      redisArgs: [...evicting, "allkeys-lru", "--appendonly", "yes", ...neverRewritten],
      mongo: 0,
    },
    servers: 3,
    keys,
    valueBytes: 16_384,
    // A machine that is busy must be through with the fault before a write stops waiting.
    syncTimeoutMs: 2_000,
    faults: [
      rollBackToUntold,
      rollBackToUntold,
      rollBack,
      squeeze,
      evictKind,
      pauseServer,
      storeLink,
    ],
    promises: { ...unpinned, ...rolledBack, mayShowUntold: true },
  },
  {
    name: "failovers",
    backends: { redis: "system", replica: true, mongo: 0 },
    servers: 3,
    keys,
    faults: [
      failOver,
      failOverBehind,
      splitBrain,
      demoteAndPromote,
      returnOfThePrimary,
      pauseServer,
    ],
    promises: rolledBack,
  },
  {
    name: "redis-6.2-failovers",
    backends: { redis: "6.2", replica: true, mongo: 0 },
    servers,
    keys,
    faults: [
      failOver,
      failOverBehind,
      splitBrain,
      demoteAndPromote,
      returnOfThePrimary,
      killServer,
    ],
    promises: rolledBack,
  },
];

/** What must be on a machine that is to run it. */
export function needsOf({ backends, steppedClock = false }: Family): readonly ServerName[] {
  const redis = backends.redis === "6.2" ? "redis-6.2" : "redis";
  return [redis, "mongodb", ...(steppedClock ? (["libfaketime"] as const) : [])];
}
