import { Redis } from "ioredis";
import mongoose from "mongoose";
import type { Copies, Place } from "./peer.ts";

type MongoClient = mongoose.mongo.MongoClient;

export interface Row {
  readonly _id: string;
  readonly value: string;
}

/** As durable as our own writes: a majority, and journaled. */
export const DURABLE = { writeConcern: { w: "majority", j: true } } as const;

/** Redis and MongoDB as a program opens them that uses nothing but their clients. */
export class PlainClients {
  readonly redis: Redis;
  readonly mongo: MongoClient;

  constructor({ redisUrl, mongoUri }: Place) {
    this.redis = new Redis(redisUrl);
    // Outages are what the fault script is about; a command that meets one fails by itself.
    this.redis.on("error", () => undefined);
    this.mongo = new mongoose.mongo.MongoClient(mongoUri, { maxPoolSize: 10 });
  }

  get rows(): mongoose.mongo.Collection<Row> {
    return this.mongo.db().collection<Row>("rows");
  }

  /** Cache-aside, as it is usually written. */
  async get(key: string): Promise<string | undefined> {
    const cached = await this.redis.get(key);
    if (cached !== null) return cached;
    const row = await this.rows.findOne({ _id: key });
    if (row === null) return undefined;
    await this.redis.set(key, row.value);
    return row.value;
  }

  /** Brings one write to the store; null is a delete. */
  async store(key: string, value: string | null): Promise<void> {
    if (value === null) await this.rows.deleteOne({ _id: key }, DURABLE);
    else await this.rows.updateOne({ _id: key }, { $set: { value } }, { upsert: true, ...DURABLE });
  }

  async cache(key: string, value: string | null): Promise<void> {
    if (value === null) await this.redis.del(key);
    else await this.redis.set(key, value);
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.mongo.close();
  }
}

/** For all kinds that keep a plain value in Redis; `storedIn` says how a store keeps it. */
export async function lookAtPlain(
  place: Place,
  keys: readonly string[],
  storedIn: (database: mongoose.mongo.Db) => Promise<ReadonlyMap<string, string>> = rowsIn,
): Promise<readonly Copies[]> {
  const clients = new PlainClients(place);
  try {
    const cached = await clients.redis.mget([...keys]);
    const stored = await storedIn(clients.mongo.db());
    return keys.map((key, index) => ({
      key,
      cached: cached[index] ?? undefined,
      stored: stored.get(key),
    }));
  } finally {
    await clients.close();
  }
}

async function rowsIn(database: mongoose.mongo.Db): Promise<ReadonlyMap<string, string>> {
  const rows = await database.collection<Row>("rows").find().toArray();
  return new Map(rows.map((row) => [row._id, row.value]));
}
