import { setTimeout } from "node:timers/promises";
import type { Peer, PeerKind } from "./peer.ts";
import { DURABLE, lookAtPlain, PlainClients } from "./rows.ts";

const BATCH = 50;
const INTERVAL_MS = 2_000;

interface Event {
  readonly key: string;
  readonly value: string | null;
  readonly processed: boolean;
}

/** The cache and an event in the store; a worker of the process applies 50 events every two seconds, in their order. */
export const outboxOnly: PeerKind = {
  name: "outbox only, 50 per 2 s",
  look: lookAtPlain,
  roundWrites: 100,
  async open(place): Promise<Peer> {
    const clients = new PlainClients(place);
    const events = clients.mongo.db().collection<Event>("events");
    await events.createIndex({ processed: 1, _id: 1 });
    const write = async (key: string, value: string | null) => {
      await clients.cache(key, value);
      await events.insertOne({ key, value, processed: false }, DURABLE);
    };
    const applySome = async () => {
      const some = await events.find({ processed: false }).sort({ _id: 1 }).limit(BATCH).toArray();
      for (const { _id, key, value } of some) {
        await clients.store(key, value);
        await events.updateOne({ _id }, { $set: { processed: true } }, DURABLE);
      }
    };
    const worker = setInterval(() => void applySome().catch(() => undefined), INTERVAL_MS);
    return {
      set: write,
      delete: (key) => write(key, null),
      get: (key) => clients.get(key),
      async drained() {
        while ((await events.countDocuments({ processed: false })) > 0) await setTimeout(50);
      },
      async close() {
        clearInterval(worker);
        await clients.close();
      },
    };
  },
};
