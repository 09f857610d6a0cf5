import type { Random } from "../../../lib/random.ts";
import { RedisCache, type RedisCacheOptions } from "./redis-cache.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";

export interface OpenRedisOptions extends RedisConnectionOptions, RedisCacheOptions {
  readonly random: Random;
}

/** The cache on one connection, which the first call makes. */
export function openRedis(options: OpenRedisOptions): RedisCache {
  return new RedisCache(new RedisConnection(options), options.random, options);
}
