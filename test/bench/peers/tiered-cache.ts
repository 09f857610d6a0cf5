import { KeyvMongo } from "@keyv/mongo";
import KeyvRedis from "@keyv/redis";
import { createCache } from "cache-manager";
import { Keyv } from "keyv";
import type { Peer, PeerKind, Place } from "./peer.ts";

/** A cache library with two tiers, Redis and then MongoDB, told to be as durable and to tell of failures. */
export const tieredCache: PeerKind = {
  name: "cache-manager, Keyv tiers",
  async open(place): Promise<Peer> {
    const tiers = openTiers(place);
    const cache = createCache({ stores: [tiers.redis, tiers.mongo] });
    return {
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.del(key),
      get: (key) => cache.get(key),
      drained: () => Promise.resolve(),
      async close() {
        await cache.disconnect();
      },
    };
  },
  async look(place, keys) {
    const tiers = openTiers(place);
    try {
      const cached = await tiers.redis.getMany<string>([...keys]);
      const stored = await tiers.mongo.getMany<string>([...keys]);
      return keys.map((key, index) => ({ key, cached: cached[index], stored: stored[index] }));
    } finally {
      await Promise.all([tiers.redis.disconnect(), tiers.mongo.disconnect()]);
    }
  },
};

function openTiers({ redisUrl, mongoUri }: Place): { redis: Keyv; mongo: Keyv } {
  const url = `${mongoUri}${mongoUri.includes("?") ? "&" : "?"}w=majority&journal=true`;
  const database = new URL(mongoUri).pathname.slice(1);
  const redis = new Keyv({
    store: new KeyvRedis(redisUrl, { throwOnErrors: true }),
    throwOnErrors: true,
  });
  const mongo = new Keyv({
    store: new KeyvMongo({ url, db: database, collection: "tier" }),
    throwOnErrors: true,
  });
  for (const tier of [redis, mongo]) tier.on("error", () => undefined);
  return { redis, mongo };
}
