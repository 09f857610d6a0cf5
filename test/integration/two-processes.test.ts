import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { contradictions, finalWrites } from "../support/lockstep/history.ts";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { type StartedLockstep, startLockstep } from "../support/lockstep/start-lockstep.ts";
import { type RowReader, readMongo, readSqlite } from "../support/lockstep/stored-row.ts";
import { storm } from "../support/lockstep/storm.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { ServerName } from "../support/servers/found-servers.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Backends {
  readonly title: string;
  readonly servers: readonly ServerName[];
  /** Which Redis, where there is one. */
  readonly redis?: "system" | "6.2";
  /** Members of the replica set, where there is a MongoDB; 0 = standalone. */
  readonly mongo?: 0 | 1;
}

const every: readonly Backends[] = [
  { title: "one SQLite file", servers: [] },
  { title: "MongoDB alone", servers: ["mongodb"], mongo: 0 },
  { title: "Redis 6.2 and SQLite", servers: ["redis-6.2"], redis: "6.2" },
  { title: "Redis and MongoDB", servers: ["redis", "mongodb"], redis: "system", mongo: 1 },
];

const keys = Array.from({ length: 24 }, (_, i) => `user:${i}`);

for (const { title, servers, redis: redisVersion, mongo: replicaSet } of every) {
  describeWith(servers, `two processes on ${title}`, () => {
    let redis: RedisServer | undefined;
    let mongo: MongoServers | undefined;
    let folder: string;
    let store: RowReader | undefined;
    let pair: StartedLockstep[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "lockstep-pair-"));
      [redis, mongo] = await Promise.all([
        redisVersion === undefined ? undefined : startRedis({ version: redisVersion }),
        replicaSet === undefined ? undefined : startMongo({ replicaSet }),
      ]);
    });

    afterEach(async () => {
      await Promise.all(pair.map((one) => one.close()));
      await store?.close();
    });

    afterAll(async () => {
      await Promise.all([redis?.close(), mongo?.close()]);
      await rm(folder, { recursive: true });
    });

    it(
      "read each other's writes, and agree with the store for every key at the end",
      seeded(async (random) => {
        const file = join(folder, "store.db");
        const variables: Variables = {
          LOCKSTEP_SQLITE_FILE: file,
          ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
          ...(mongo === undefined ? {} : { MONGODB_URI: mongo.uriOf("pair") }),
        };
        // Both at once on backends that are new, and one of them by events only: every way a write can go is in the mix.
        pair = await Promise.all([
          startLockstep(variables),
          startLockstep({ ...variables, LOCKSTEP_SYNC_MODE: "event-only" }),
        ]);
        store = await (mongo === undefined ? readSqlite(file) : readMongo(mongo.uriOf("pair")));

        const history = await storm(pair, { random, keys, operations: 500 });

        expect(contradictions(history)).toEqual([]);
        expect(history.some(({ op }) => op === "unknown")).toBe(false);
        await waitUntil(
          async () => (await pair[0]!.call("verify_cache_sync")).unprocessedOutboxEvents === 0,
          { what: "outbox and journal to drain" },
        );
        const expected = finalWrites(history);
        for (const one of pair) {
          const report = await one.call("verify_cache_sync");
          expect(report.overallSyncHealth).toBe("HEALTHY");
          expect(report.cacheVsShadowSync.counts.pending).toBe(0);
          for (const { key, version, value } of expected.values()) {
            const answer = await one.call("kv_get", { key });
            expect(answer).toMatchObject(
              value === null ? { key, found: false } : { key, found: true, value, version },
            );
          }
        }
        const rows = await store.rows();
        for (const { key, version, value } of expected.values()) {
          expect([key, rows.get(key)]).toEqual([key, { version, value }]);
        }
        expect(rows.size).toBe(expected.size);
        expect(await store.unprocessedEvents()).toBe(0);
        if (redis !== undefined) await expectPlainValues(redis.url, expected.values());
      }),
    );
  });
}

async function expectPlainValues(
  url: string,
  writes: Iterable<{ readonly key: string; readonly value: string | null }>,
): Promise<void> {
  const client = new Redis(url);
  try {
    for (const { key, value } of writes) expect([key, await client.get(key)]).toEqual([key, value]);
  } finally {
    client.disconnect();
  }
}
