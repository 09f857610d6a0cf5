import { afterAll, beforeAll } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { RedisModelKeys } from "../../src/cache/drivers/redis/redis-model-keys.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { type OpenedMongo, openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { useRedis } from "../support/servers/use-redis.ts";
import { describeModelDocumentsContract } from "./model-documents-contract.ts";
import { describeModelKeysContract } from "./model-keys-contract.ts";
import { REDIS_VERSIONS } from "./redis-versions.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], name, () => {
    const redis = useRedis({ version });

    describeModelKeysContract(name, async () => {
      const client = new Redis(redis.server.url);
      await client.flushall();
      const keys = new RedisModelKeys({
        url: redis.server.url,
        commandTimeoutMs: 30_000,
        log: silentLog,
      });
      const close = async () => {
        client.disconnect();
        await keys.close();
      };
      return { keys, client, close };
    });
  });
}

for (const { name, replicaSet } of [
  { name: "MongoDB, standalone", replicaSet: 0 },
  { name: "MongoDB, a replica set of one", replicaSet: 1 },
] as const) {
  describeWith(["mongodb"], name, () => {
    let servers: MongoServers;
    let client: mongoose.mongo.MongoClient;
    let opened: OpenedMongo;
    beforeAll(async () => {
      servers = await startMongo({ replicaSet });
      client = new mongoose.mongo.MongoClient(servers.uri);
      opened = openMongo({
        uri: servers.uriOf("application"),
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
      });
    });
    afterAll(async () => {
      await Promise.all([opened.store.close(), client.close()]);
      await servers.close();
    });

    describeModelDocumentsContract(name, async () => {
      const things = client.db("application").collection("things");
      const otherThings = client.db("another").collection("things");
      const close = async () => {
        await Promise.all([things.drop(), otherThings.drop()]);
      };
      await close();
      return { documents: opened.modelDocuments, things, otherThings, close };
    });
  });
}
