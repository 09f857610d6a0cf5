import mongoose from "mongoose";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench } from "./bench-options.ts";
import { mixOf } from "./mix.ts";
import { BacklogWatch, openServer } from "./open-server.ts";
import { inFlight } from "./payload.ts";
import { alternate } from "./rounds.ts";

const FLOOR = 50;
const TARGET = 5;
const WRITES = 10_000;
const WRITES_SMALL = 500;
const IN_FLIGHT = 100;

/**
 * How often the shadow is written for 1,000 writes of one key, 100 at once, as MongoDB itself counts its updates and
 * inserts (`serverStatus` opcounters), until the last write is in the shadow. Events count too: each is a write of the
 * store that a write of the key has cost.
 */
export const measureHotKey: Bench = async (options) => {
  options.say("P9 hot key");
  const redis = await startRedis();
  const mongo = await startMongo();
  const variables = { REDIS_URL: redis.url, MONGODB_URI: mongo.uriOf("hot") };
  const server = await openServer(variables);
  const backlog = new BacklogWatch(variables);
  const observer = new mongoose.mongo.MongoClient(mongo.uri);
  const count = options.small ? WRITES_SMALL : WRITES;
  const writes = mixOf(count, { seed: 9, keys: 1, writeShare: 1 });
  const round = async (ack: "cache" | "durable") => {
    const before = await storeWrites(observer);
    await inFlight(writes, IN_FLIGHT, ({ key, value }) => server.set(key, value, ack));
    await backlog.untilEmpty();
    return (((await storeWrites(observer)) - before) * 1000) / count;
  };
  try {
    const { cache, durable } = await alternate(options, {
      cache: () => round("cache"),
      durable: () => round("durable"),
    });
    const common = {
      metric: "P9",
      unit: "writes",
      better: "lower",
      ceilings: [],
      floor: { value: FLOOR },
      target: { value: TARGET },
    } as const;
    return [
      { ...common, what: "store writes per 1,000 of one key, ack cache", measured: cache },
      { ...common, what: "store writes per 1,000 of one key, ack durable", measured: durable },
    ];
  } finally {
    await observer.close();
    await backlog.close();
    await server.close();
    await mongo.close();
    await redis.close();
  }
};

async function storeWrites(client: mongoose.mongo.MongoClient): Promise<number> {
  const { opcounters } = await client.db("admin").command({ serverStatus: 1 });
  return Number(opcounters.update) + Number(opcounters.insert);
}
