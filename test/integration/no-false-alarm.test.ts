import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import type { Caller } from "../support/lockstep/caller.ts";
import { contradictions, type Operation } from "../support/lockstep/history.ts";
import { openLockstep } from "../support/lockstep/open-lockstep.ts";
import { startLockstep } from "../support/lockstep/start-lockstep.ts";
import { storm } from "../support/lockstep/storm.ts";
import { type SeededRandom, seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Each value weighs 16 kB, so that all keys together are more than this Redis may hold. */
const tight = ["--maxmemory", "4mb", "--maxmemory-policy"];
const padding = ` ${"x".repeat(16_384)}`;
const manyKeys = Array.from({ length: 600 }, (_, i) => `item:${i}`);
const fewKeys = manyKeys.slice(0, 30);

describeWith(
  ["redis", "mongodb"],
  "verification from another process during a storm of writes",
  () => {
    let mongo: MongoServers;
    let redis: RedisServer | undefined;
    let callers: Caller[] = [];

    beforeAll(async () => {
      mongo = await startMongo();
    });

    afterEach(async () => {
      await Promise.all(callers.map((caller) => caller.close()));
      await redis?.close();
    });

    afterAll(() => mongo.close());

    it.each([
      { policy: "noeviction", keys: fewKeys, evicts: false, passes: 8 },
      { policy: "volatile-lru", keys: manyKeys, evicts: true, passes: 4 },
      { policy: "allkeys-lru", keys: manyKeys, evicts: true, passes: 2 },
    ])("names no issue where Redis has $policy", ({ policy, keys, evicts, passes }) =>
      seeded(async (random: SeededRandom) => {
        redis = await startRedis({ args: evicts ? [...tight, policy] : [] });
        const variables = {
          REDIS_URL: redis.url,
          MONGODB_URI: mongo.uriOf(`storm-${policy}`),
          // Unpinned, a suspicion is looked at again after the longest call, which this makes shorter.
          LOCKSTEP_SYNC_TIMEOUT_MS: "1000",
        };
        const [direct, byEvent, verifier] = await Promise.all([
          openLockstep(variables),
          openLockstep({ ...variables, LOCKSTEP_SYNC_MODE: "event-only" }),
          startLockstep(variables),
        ]);
        callers = [direct, byEvent, verifier];

        let isOver = false;
        const history: Operation[] = [];
        const storming = storm([direct, byEvent], {
          random,
          keys,
          padding: evicts ? padding : "",
          operations: 10_000,
          stop: () => isOver,
          history,
        });
        const alarms: unknown[] = [];
        try {
          for (let pass = 1; pass <= passes || history.length < 900; pass += 1) {
            const report = await verifier.call("verify_cache_sync");
            if (report.overallSyncHealth !== "HEALTHY") alarms.push(report.cacheVsShadowSync);
            const one = await verifier.call("verify_key_sync", { key: random.pick(keys) });
            if (!one.inSync) alarms.push(one);
          }
        } finally {
          isOver = true;
          await storming;
        }

        expect(alarms).toEqual([]);
        expect(contradictions(history)).toEqual([]);
        // Where Redis may evict the state of a bucket too, a write that is under way then is not known to have happened.
        const unknown = history.filter(({ op }) => op === "unknown").length;
        expect(unknown === 0 || policy === "allkeys-lru").toBe(true);
        expect((await evictedKeys(redis.url)) > 0).toBe(evicts);
        const quiet = await waitUntil(
          async () => {
            const report = await verifier.call("verify_cache_sync");
            return report.unprocessedOutboxEvents === 0 && report;
          },
          { what: "the backlog to drain" },
        );
        expect(quiet).toMatchObject({ overallSyncHealth: "HEALTHY" });
      })(),
    );
  },
);

async function evictedKeys(url: string): Promise<number> {
  const client = new Redis(url);
  try {
    return Number(/evicted_keys:(\d+)/.exec(await client.info("stats"))?.[1]);
  } finally {
    client.disconnect();
  }
}
