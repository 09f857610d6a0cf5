import { BacklogWatch, openServer } from "../open-server.ts";
import type { Copies, Peer, PeerKind, Place } from "./peer.ts";
import { lookAtPlain } from "./rows.ts";

interface ShadowRow {
  readonly _id: string;
  readonly lastValue: string | null;
}

/** Our own server with its defaults. */
export const lockstep: PeerKind = lockstepWith("Lockstep", "durable");

/** The same, with callers that wait for the cache alone. */
export const lockstepJournal: PeerKind = lockstepWith("Lockstep, ack cache", "cache");

function lockstepWith(name: string, ack: "durable" | "cache"): PeerKind {
  return { name, open: (place) => openPeer(place, ack), look: lookAtShadow };
}

async function openPeer({ redisUrl, mongoUri }: Place, ack: "durable" | "cache"): Promise<Peer> {
  const variables = { REDIS_URL: redisUrl, MONGODB_URI: mongoUri };
  const server = await openServer(variables);
  return {
    set: (key, value) => server.set(key, value, ack),
    delete: (key) => server.delete(key, ack),
    get: (key) => server.get(key),
    async drained() {
      const backlog = new BacklogWatch(variables);
      try {
        await backlog.untilEmpty();
      } finally {
        await backlog.close();
      }
    },
    close: () => server.close(),
  };
}

function lookAtShadow(place: Place, keys: readonly string[]): Promise<readonly Copies[]> {
  return lookAtPlain(place, keys, async (database) => {
    const rows = await database.collection<ShadowRow>("kvshadow").find().toArray();
    return new Map(
      rows.flatMap(({ _id, lastValue }) => (lastValue === null ? [] : [[_id, lastValue]])),
    );
  });
}
