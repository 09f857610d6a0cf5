import type { Peer, PeerKind } from "./peer.ts";
import { lookAtPlain, PlainClients } from "./rows.ts";

/** The cache first, then the store, and the caller waits for both. */
export const setThenUpsert: PeerKind = {
  name: "SET + awaited upsert",
  look: lookAtPlain,
  async open(place): Promise<Peer> {
    const clients = new PlainClients(place);
    const write = async (key: string, value: string | null) => {
      await clients.cache(key, value);
      await clients.store(key, value);
    };
    return {
      set: write,
      delete: (key) => write(key, null),
      get: (key) => clients.get(key),
      drained: () => Promise.resolve(),
      close: () => clients.close(),
    };
  },
};

/** The cache, and the store when it comes to it: nobody hears how that ends. */
export const setAndForget: PeerKind = {
  name: "SET + upsert nobody waits for",
  look: lookAtPlain,
  async open(place): Promise<Peer> {
    const clients = new PlainClients(place);
    const underWay = new Set<Promise<void>>();
    const write = async (key: string, value: string | null) => {
      await clients.cache(key, value);
      const stored = clients
        .store(key, value)
        .catch(() => undefined)
        .finally(() => underWay.delete(stored));
      underWay.add(stored);
    };
    return {
      set: write,
      delete: (key) => write(key, null),
      get: (key) => clients.get(key),
      async drained() {
        await Promise.all(underWay);
      },
      close: () => clients.close(),
    };
  },
};
