import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { compareStreams, seedsOr } from "./compare-streams.ts";
import { Mixes } from "./open-mixes.ts";
import type { ToolSetting } from "./tool-step.ts";
import { planToolStream } from "./tool-stream.ts";

const SEEDS = seedsOr(2);

/** Each Redis beside another kind of MongoDB, so that all four are met. */
const REPLICA_SETS = { system: 1, "6.2": 0 } as const;

for (const { needs, name, version } of REDIS_VERSIONS) {
  const replicaSet = REPLICA_SETS[version];
  const mongoName = replicaSet === 0 ? "a standalone MongoDB" : "a replica set of one";
  describeWith(
    [needs, "mongodb"],
    `the tools without servers, on ${name} and on ${mongoName}`,
    () => {
      let redis: RedisServer;
      let mongo: MongoServers;
      let mixes: Mixes;
      beforeAll(async () => {
        [redis, mongo] = await Promise.all([startRedis({ version }), startMongo({ replicaSet })]);
        mixes = new Mixes(redis, mongo);
      });
      afterAll(async () => {
        await mixes.close();
        await Promise.all([redis.close(), mongo.close()]);
      });

      it(
        "answer alike in every mix of cache and store",
        async () => {
          const compared = compareStreams(SEEDS, {
            plan: planToolStream,
            open: (setting) => mixes.open(JSON.parse(setting) as ToolSetting),
          });

          await expect(compared).resolves.toBeUndefined();
        },
        60_000 + SEEDS * 300_000,
      );
    },
  );
}
