import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import type { Place } from "./drain-mongo.ts";
import { commandsOf } from "./payload.ts";
import { PlainClients } from "./peers/rows.ts";
import { perSecond } from "./rounds.ts";

const QUEUE = "drain";
const CONCURRENCY = 100;
const ADDED_AT_ONCE = 500;

interface Job {
  readonly key: string;
  readonly value: string;
}

/** Rows per second of a BullMQ worker, from a queue that holds them all to an empty one: an upsert for each job, as durable. */
export async function bullmqOnMongo({ uri, redisUrl }: Place, rows: number): Promise<number> {
  const clients = new PlainClients({ redisUrl, mongoUri: uri });
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue<Job>(QUEUE, { connection });
  const worker = new Worker<Job>(
    QUEUE,
    async ({ data: { key, value } }) => clients.store(key, value),
    { connection, concurrency: CONCURRENCY, autorun: false },
  );
  try {
    await clients.redis.flushdb();
    const jobs = commandsOf(rows).map(({ key, value }) => ({
      name: "row",
      data: { key, value },
      opts: { removeOnComplete: true },
    }));
    for (const some of chunksOf(jobs, ADDED_AT_ONCE)) await queue.addBulk(some);
    return await perSecond(rows, async () => {
      const drained = once(worker, "drained");
      void worker.run();
      await drained;
      await worker.close();
    });
  } finally {
    await queue.close();
    connection.disconnect();
    await clients.mongo.db().dropDatabase();
    await clients.close();
  }
}
