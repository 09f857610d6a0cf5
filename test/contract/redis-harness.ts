import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { openRedis } from "../../src/cache/drivers/redis/open-redis.ts";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import {
  asideKey,
  leaseKey,
  metaKey,
  pendingKey,
  stateKey,
} from "../../src/cache/drivers/redis/redis-keys.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { recoveringAtOnce } from "../support/recover-at-once.ts";
import type { RedisServer } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";
import {
  type CacheAuthorityHarness,
  type CacheAuthorityOptions,
  GRACE_MS,
  type MetaSpoiler,
  type OtherType,
  type RawCache,
  STORE_ID,
} from "./cache-authority/harness.ts";

export interface RedisHarness extends CacheAuthorityHarness {
  readonly cache: RedisCache;
  readonly client: Redis;
}

/** A cache on this server, as a process would open it. */
export function openCache(
  url: string,
  {
    residencyMs,
    commandTimeoutMs = 5000,
    isShortOfRoom = () => false,
    recovers = true,
  }: Pick<CacheAuthorityOptions, "residencyMs"> & {
    readonly commandTimeoutMs?: number;
    readonly isShortOfRoom?: () => boolean;
    readonly recovers?: boolean;
  } = {},
): RedisCache {
  const cache = openRedis({
    url,
    commandTimeoutMs,
    residencyMs,
    isShortOfRoom,
    graceMs: GRACE_MS,
    random: systemRandom,
    log: silentLog,
  });
  return recovers ? recoveringAtOnce(cache) : cache;
}

/** The server emptied, with defaults, and a cache that is bound to {@link STORE_ID}. */
export async function openRedisHarness(
  server: RedisServer,
  options: CacheAuthorityOptions = {},
): Promise<RedisHarness> {
  const client = new Redis(server.url);
  client.on("error", () => undefined);
  await client.flushall();
  const configure = async () => {
    await client.config("SET", "maxmemory", "0");
    await client.config("SET", "maxmemory-policy", options.maxmemoryPolicy ?? "noeviction");
  };
  await configure();
  const opened: RedisCache[] = [];
  const open = ({ recovers } = { recovers: true }) => {
    const cache = openCache(server.url, { ...options, recovers });
    opened.push(cache);
    return cache;
  };
  const restart = async () => {
    await client.save();
    await server.restart();
    await configure();
    for (const one of opened) await waitUntil(() => one.ping().then(() => true));
  };
  const cache = open();
  await cache.bindStore(STORE_ID);
  return {
    cache,
    client,
    raw: { ...rawCache(client), restart },
    openAnother: async (how) => open(how),
    nowMs: async () => {
      const [seconds, micros] = await client.time();
      return Math.floor((Number(seconds) * 1_000_000 + Number(micros)) / 1000);
    },
    // TTLs, leases and scores run on the server's clock, which no test can move.
    elapse: (ms) => delay(ms),
    close: async () => {
      for (const one of opened) await one.close();
      client.disconnect();
    },
  };
}

function rawCache(client: Redis): Omit<RawCache, "restart"> {
  return {
    get: (key) => client.getBuffer(key),
    set: async (key, bytes, life) => {
      if (life === undefined) await client.set(key, bytes);
      else await client.set(key, bytes, "PX", life.ttlMs);
    },
    setBytesKey: async (key, text) => {
      await client.set(key, text);
    },
    append: async (key, text) => {
      await client.append(key, text);
    },
    del: async (key) => {
      await client.del(key);
    },
    putOther: (key, type) => putOther(client, key, type),
    contentsOf: async (key) => [
      await client.type(key),
      ((await client.dumpBuffer(key)) as Buffer | null)?.toString("hex"),
      (await client.pttl(key)) === -1 ? "for ever" : "ends",
    ],
    forgetMeta: async (key) => {
      await client.del(metaKey(key));
    },
    spoilMeta: (key, how) => spoilMeta(client, metaKey(key), how),
    leaseMsLeft: (key) => client.pttl(leaseKey(key)),
    endLease: async (key) => {
      await client.del(leaseKey(key));
    },
    setLastSeq: async (key, seq) => {
      await client.hset(stateKey(bucketOf(key)), "seq", String(seq).padStart(16, "0"));
    },
    backdateMarker: async (key, ms) => {
      await client.zincrby(pendingKey(bucketOf(key)), -1000 * ms, key);
    },
    setPolicy: async (maxmemoryPolicy) => {
      await client.config("SET", "maxmemory-policy", maxmemoryPolicy);
    },
    // Scripts go too, as with a new server.
    lose: async () => {
      await client.flushall();
      await client.script("FLUSH");
    },
    asideOf: async (key) => {
      const text = await client.get(asideKey(key));
      return text === null ? undefined : { text, ttlMs: await client.pttl(asideKey(key)) };
    },
  };
}

async function putOther(client: Redis, key: string, type: OtherType): Promise<void> {
  await client.del(key);
  switch (type) {
    case "list":
      await client.rpush(key, "a", Buffer.from([0, 255]), "");
      return;
    case "hash":
      await client.hset(key, { field: "value", other: "" });
      return;
    case "set":
      await client.sadd(key, "member");
      return;
    case "zset":
      await client.zadd(key, 1.5, "member");
      return;
    case "stream":
      await client.xadd(key, "1-1", "field", "value");
      return;
  }
}

/** `almost a meta` breaks off before the hash; the last text has every fixed part, and then no JSON. */
async function spoilMeta(client: Redis, key: string, how: MetaSpoiler): Promise<void> {
  const fixed = `L${"\0".repeat(11)}${"h".repeat(16)}`;
  const texts: Record<Exclude<MetaSpoiler, "another type">, string> = {
    "short text": "L1",
    "long text": "x".repeat(100),
    "almost a meta": fixed.slice(0, 20),
    "a deadline that is none": `${fixed}soon`,
    "ids that are no JSON": `${fixed}17|{]`,
    "records that break off": `${fixed}17#\u0002${"r".repeat(50)}`,
    "more records than there can be": `${fixed}#\u0005${"r".repeat(5 * 43)}`,
  };
  await client.del(key);
  if (how === "another type") await client.rpush(key, "a", "b");
  else await client.set(key, texts[how]);
}
