import { setTimeout } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Peer, PeerKind } from "./peer.ts";
import { lookAtPlain, PlainClients } from "./rows.ts";

const QUEUE = "sync";
const CONCURRENCY = 50;

interface Job {
  readonly key: string;
  readonly value: string | null;
}

/** The cache and a job for each write; a worker of the process brings the jobs to the store, 50 at once. */
export const bullmq: PeerKind = {
  name: "BullMQ, one job per write",
  look: lookAtPlain,
  async open(place): Promise<Peer> {
    const clients = new PlainClients(place);
    // What the library asks for of the connection that its worker waits on.
    const connection = new Redis(place.redisUrl, { maxRetriesPerRequest: null });
    connection.on("error", () => undefined);
    const queue = new Queue<Job>(QUEUE, { connection });
    const worker = new Worker<Job>(
      QUEUE,
      async ({ data: { key, value } }) => clients.store(key, value),
      { connection, concurrency: CONCURRENCY },
    );
    queue.on("error", () => undefined);
    worker.on("error", () => undefined);
    const write = async (key: string, value: string | null) => {
      await clients.cache(key, value);
      await queue.add(
        "sync",
        { key, value },
        { attempts: 20, backoff: { type: "fixed", delay: 200 }, removeOnComplete: true },
      );
    };
    return {
      set: write,
      delete: (key) => write(key, null),
      get: (key) => clients.get(key),
      async drained() {
        for (;;) {
          const counts = await queue.getJobCounts("waiting", "active", "delayed");
          if (Object.values(counts).every((count) => count === 0)) return;
          await setTimeout(10);
        }
      },
      async close() {
        await worker.close(true);
        await queue.close();
        connection.disconnect();
        await clients.close();
      },
    };
  },
};
