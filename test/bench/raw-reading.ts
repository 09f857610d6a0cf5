import { Redis } from "ioredis";
import mongoose from "mongoose";
import { metaKey, patternOf } from "../../src/cache/drivers/redis/redis-keys.ts";
import type { Place } from "./drain-mongo.ts";
import { perSecond } from "./rounds.ts";

const TOGETHER = 1_000;

/**
 * Keys per second of bare clients that read both sides whole and compare nothing: SCAN over Redis and MGET of what it
 * finds, values and their metas, and beside it a cursor over all documents.
 */
export async function readBothSides({ uri, redisUrl }: Place, keys: number): Promise<number> {
  const redis = new Redis(redisUrl);
  const mongo = new mongoose.mongo.MongoClient(uri);
  try {
    return await perSecond(keys, async () => {
      const [cached, stored] = await Promise.all([readRedis(redis), readMongo(mongo)]);
      if (cached < keys || stored < keys)
        throw new Error(`${cached} keys in Redis and ${stored} in MongoDB, not ${keys}.`);
    });
  } finally {
    redis.disconnect();
    await mongo.close();
  }
}

async function readRedis(redis: Redis): Promise<number> {
  let read = 0;
  let reading: Promise<unknown> | undefined;
  let cursor = "0";
  do {
    const [next, found] = await redis.scan(
      cursor,
      "MATCH",
      patternOf("session:"),
      "COUNT",
      TOGETHER,
    );
    // The next page is looked for while this one is read.
    await reading;
    if (found.length > 0) reading = redis.mgetBuffer(...found, ...found.map(metaKey));
    read += found.length;
    cursor = next;
  } while (cursor !== "0");
  await reading;
  return read;
}

async function readMongo(mongo: mongoose.mongo.MongoClient): Promise<number> {
  const cursor = mongo
    .db()
    .collection("kvshadow")
    .find({}, { sort: { _id: 1 }, batchSize: TOGETHER });
  let read = 0;
  for await (const _row of cursor) read += 1;
  return read;
}
