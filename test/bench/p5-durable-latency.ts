import { Redis } from "ioredis";
import mongoose from "mongoose";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench } from "./bench-options.ts";
import { Failures } from "./failures.ts";
import { mixOf } from "./mix.ts";
import { openLoop, percentile } from "./open-loop.ts";
import { openServer } from "./open-server.ts";
import { alternate } from "./rounds.ts";

const FLOOR_MS = 30;
const TARGET_OVER_RAW_MS = 5;

/** What single majority writes can still take on two cores, so that both meet the same load. */
const PER_SECOND = 1_000;
const OPERATIONS = 3_000;
const OPERATIONS_SMALL = 200;

/**
 * Writes that wait for the shadow, in the usual mix at a fixed rate, on a replica set of one, counted from when they
 * were due. The ceiling does the same mix with bare means at the same rate: a majority upsert, and a plain GET that
 * goes on to MongoDB where Redis has nothing. A call that fails counts with the time that it took to fail, and is told.
 */
export const measureDurableLatency: Bench = async (options) => {
  options.say("P5 durable writes");
  const redis = await startRedis();
  const mongo = await startMongo({ replicaSet: 1 });
  const server = await openServer({
    REDIS_URL: redis.url,
    MONGODB_URI: mongo.uriOf("durable"),
  });
  const client = new Redis(redis.url);
  const raw = new mongoose.mongo.MongoClient(mongo.uri, { maxPoolSize: 10 });
  const rows = raw.db("bare").collection<{ _id: string; value: string }>("rows");
  const mix = mixOf(options.small ? OPERATIONS_SMALL : OPERATIONS, { seed: 6 });
  const load = { perSecond: PER_SECOND, count: mix.length, wait: "timer" } as const;
  const p99 = async (
    set: (key: string, value: string) => Promise<unknown>,
    get: (key: string) => Promise<unknown>,
    watched = <T>(call: Promise<T>): Promise<T | undefined> => call,
  ) => {
    const latencies: number[] = [];
    await openLoop(load, async (index, dueMs) => {
      const { op, key, value } = mix[index]!;
      await watched<unknown>(op === "get" ? get(key) : set(key, value));
      if (op === "set") latencies.push(performance.now() - dueMs);
    });
    return percentile(latencies, 0.99);
  };
  const failures = new Failures("P5", options.say);
  try {
    const spreads = await alternate(options, {
      raw: () =>
        p99(
          (key, value) =>
            rows.updateOne(
              { _id: key },
              { $set: { value } },
              { upsert: true, writeConcern: { w: "majority", j: true } },
            ),
          async (key) => (await client.get(key)) ?? rows.findOne({ _id: key }),
        ),
      lockstep: () =>
        p99(
          (key, value) => server.set(key, value, "shadow"),
          (key) => server.get(key),
          (call) => failures.count(call),
        ),
    });
    return [
      {
        metric: "P5",
        what: `write that waits for the shadow, p99${failures.told}`,
        unit: "ms",
        better: "lower",
        measured: spreads.lockstep,
        ceilings: [{ what: "bare majority upsert, p99", measured: spreads.raw }],
        floor: { value: FLOOR_MS },
        target: { overCeiling: TARGET_OVER_RAW_MS },
      },
    ];
  } finally {
    await raw.close();
    client.disconnect();
    await server.close();
    await mongo.close();
    await redis.close();
  }
};
