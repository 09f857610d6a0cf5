import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import { Purger } from "../../../src/sync/purger.ts";
import { Recovery } from "../../../src/sync/recovery.ts";
import {
  type CacheFirstWorld,
  openCacheFirstWorld,
  SYNC_TIMEOUT_MS,
} from "../../support/cache-first-world.ts";
import type { FakeRedis } from "../../support/fake-redis.ts";
import type { MemorySqlite } from "../../support/memory-sqlite.ts";
import { type Steered, steer } from "../../support/steer.ts";

/** A process with every service, whose recovery and purge reach their servers through steered ports as well. */
export interface ReplayProcess extends CacheFirstWorld {
  readonly steeredBuckets: Steered<CacheAuthorityPort["buckets"]>;
  /** What recovery asks of the store's epochs; what the calls ask is in `steeredStates`. */
  readonly recoveryStates: Steered<MemorySqlite["bucketStates"]>;
  readonly steeredPurge: Steered<MemorySqlite["purge"]>;
  readonly purger: Purger;
}

export interface ProcessOptions {
  readonly redis: FakeRedis;
  readonly sqlite: MemorySqlite;
  /** What a call does that meets a bucket without its state. */
  readonly onLost: () => Promise<void>;
}

export async function openProcess({
  redis,
  sqlite,
  onLost,
}: ProcessOptions): Promise<ReplayProcess> {
  const { maxmemoryPolicy } = redis;
  const world = await openCacheFirstWorld({ maxmemoryPolicy, on: { redis, sqlite } });
  const { past, ports, ledger, clock, random, log } = world;
  past.cache.buckets.onLost(onLost);
  const steeredBuckets = steer("buckets", past.cache.buckets, []);
  const recoveryStates = steer("bucketStates", sqlite.bucketStates, []);
  const steeredPurge = steer("purge", sqlite.purge, []);
  const cache = new Proxy(ports.cache, {
    get: (target, property): unknown =>
      property === "buckets" ? steeredBuckets.port : Reflect.get(target, property, target),
  });
  return {
    ...world,
    steeredBuckets,
    recoveryStates,
    steeredPurge,
    recovery: new Recovery({
      ...ports,
      cache,
      bucketStates: recoveryStates.port,
      ledger,
      clock,
      log,
      waitMs: SYNC_TIMEOUT_MS,
    }),
    purger: new Purger({
      purge: steeredPurge.port,
      store: ports.store,
      journal: ports.cache,
      clock,
      random,
      log,
      intervalMs: 300_000,
    }),
  };
}
