import { CacheFirstReadPath } from "../kv/cache-first-read-path.ts";
import { CacheFirstWritePath } from "../kv/cache-first-write-path.ts";
import { acknowledgeIn } from "../sync/acknowledger.ts";
import { CacheFirstDelivery } from "../sync/cache-first-delivery.ts";
import { JournalSweep } from "../sync/journal-sweep.ts";
import { CacheFirstRepair } from "../verify/cache-first-repair.ts";
import { type AuthoritySide, CALL_MARGIN_MS, type SideParts } from "./authority-side.ts";

/** Redis decides. The driver and its client are loaded here and nowhere else. */
export async function cacheFirstSide(redisUrl: string, parts: SideParts): Promise<AuthoritySide> {
  const { config, environment, opened, pool, circuit, stats, onEvent } = parts;
  const { clock, random, logger: log } = environment;
  const { store, outbox } = opened;
  const { syncTimeoutMs, outboxBatchSize, readThrough, residencyTtlSec, tombstoneGraceHours } =
    config;
  const { openRedis } = await import("../cache/drivers/redis/open-redis.ts");
  const cache = openRedis({
    url: redisUrl,
    commandTimeoutMs: syncTimeoutMs,
    residencyMs: residencyTtlSec === undefined ? undefined : residencyTtlSec * 1000,
    graceMs: tombstoneGraceHours * 3_600_000,
    random,
    log,
  });
  const acknowledge = acknowledgeIn(cache);
  const delivery = new CacheFirstDelivery({
    cache,
    store,
    outbox,
    pool,
    circuit,
    stats,
    clock,
    log,
    onEvent,
    syncTimeoutMs,
    batch: { sizeMax: config.syncBatchSize, windowMs: config.syncWindowMs },
  });
  return {
    cache,
    journal: cache,
    writes: new CacheFirstWritePath({
      cache,
      store,
      outbox,
      delivery,
      circuit,
      stats,
      clock,
      random,
      log,
      syncTimeoutMs,
    }),
    reads: new CacheFirstReadPath({
      cache,
      store,
      outbox,
      clock,
      readThrough,
      storeLimitMs: syncTimeoutMs,
    }),
    acknowledge,
    sweep: new JournalSweep({
      cache,
      store,
      outbox,
      acknowledge,
      batchSize: outboxBatchSize,
    }),
    repairSteps: new CacheFirstRepair({ cache, store, outbox, delivery, acknowledge }),
    looking: {
      provesRemoval: (version) => cache.provesRemoval(version),
      // Unpinned, a call may try two ways, each for one timeout; a write that is still an issue then is nobody's.
      thirdLookAfterMs: () =>
        cache.policy?.pinned === false ? 2 * syncTimeoutMs + CALL_MARGIN_MS : 0,
      isCurrentCopy: () => true,
    },
    name: () => {
      if (cache.policy === undefined) return "undecided";
      return cache.policy.pinned ? "cache-first-pinned" : "cache-first-unpinned";
    },
    policy: () => cache.policy,
    description: `Redis at ${addressOf(redisUrl)}`,
  };
}

/** Host, port and database of a Redis URL, without user and password. */
function addressOf(redisUrl: string): string {
  const { host, pathname } = new URL(redisUrl);
  return host + pathname;
}
