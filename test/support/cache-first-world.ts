import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { CacheFirstReadPath } from "../../src/kv/cache-first-read-path.ts";
import { CacheFirstWritePath } from "../../src/kv/cache-first-write-path.ts";
import type { OutboxPort } from "../../src/store/outbox-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import { acknowledgeIn } from "../../src/sync/acknowledger.ts";
import { CacheFirstDelivery } from "../../src/sync/cache-first-delivery.ts";
import { JournalSweep } from "../../src/sync/journal-sweep.ts";
import { Projector } from "../../src/sync/projector.ts";
import { StoreCircuit } from "../../src/sync/store-circuit.ts";
import { SyncPool } from "../../src/sync/sync-pool.ts";
import { SyncStats } from "../../src/sync/sync-stats.ts";
import { CacheFirstRepair } from "../../src/verify/cache-first-repair.ts";
import { Looker } from "../../src/verify/looker.ts";
import { Repairer } from "../../src/verify/repairer.ts";
import { FakeRedis } from "./fake-redis.ts";
import { FakeRedisCache } from "./fake-redis-cache.ts";
import { ManualClock } from "./manual-clock.ts";
import { openMemorySqlite } from "./memory-sqlite.ts";
import { RecordingLog } from "./recording-log.ts";
import { SeededRandom } from "./seeded-random.ts";
import { steer } from "./steer.ts";

export const BATCH = { sizeMax: 200, windowMs: 2 };
export const SYNC_TIMEOUT_MS = 2000;
export const PROJECTOR_INTERVAL_MS = 2000;
export const ATTEMPTS_MAX = 3;

export interface CacheFirstOptions {
  readonly maxmemoryPolicy?: string;
  readonly concurrency?: number;
  readonly batchSize?: number;
  readonly readThrough?: boolean;
}

export type CacheFirstWorld = Awaited<ReturnType<typeof openCacheFirstWorld>>;

/**
 * The services of a process whose cache decides, on a simulated Redis and the real SQLite driver in memory, under a
 * manual clock. The services reach the backends through steered ports, and each of their calls is listed in `calls`;
 * `past` are the same backends as other processes and the test itself use them.
 */
export async function openCacheFirstWorld({
  maxmemoryPolicy = "noeviction",
  concurrency = 10,
  batchSize = 500,
  readThrough = true,
}: CacheFirstOptions = {}) {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const log = new RecordingLog();
  const redis = new FakeRedis({ clock, maxmemoryPolicy });
  const { database, ...sqlite } = await openMemorySqlite({ clock, random });
  const past: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
  } = { ...sqlite, cache: new FakeRedisCache(redis, { random }) };
  await past.cache.bindStore(await past.store.storeId());

  const calls: string[] = [];
  const steered = {
    cache: steer("cache", past.cache, calls),
    store: steer("store", past.store, calls),
    outbox: steer("outbox", past.outbox, calls),
  };
  const ports = {
    cache: steered.cache.port,
    store: steered.store.port,
    outbox: steered.outbox.port,
  };
  const syncTimeoutMs = SYNC_TIMEOUT_MS;
  const pool = new SyncPool(clock, concurrency);
  const circuit = new StoreCircuit();
  const stats = new SyncStats();
  const acknowledge = acknowledgeIn(ports.cache);
  const onEvent = () => void calls.push("onEvent");
  const delivery = new CacheFirstDelivery({
    ...ports,
    pool,
    circuit,
    stats,
    clock,
    log,
    onEvent,
    syncTimeoutMs,
    batch: BATCH,
  });
  const sweep = new JournalSweep({ ...ports, acknowledge, batchSize });
  const looker = new Looker({
    ...ports,
    clock,
    syncObjectiveMs: 10_000,
    provesRemoval: (version) => ports.cache.provesRemoval(version),
    thirdLookAfterMs: () => (past.cache.policy?.pinned === false ? syncTimeoutMs + 250 : 0),
    isCurrentCopy: () => true,
  });
  return {
    clock,
    random,
    log,
    redis,
    database,
    past,
    calls,
    steered,
    ports,
    pool,
    circuit,
    stats,
    delivery,
    acknowledge,
    sweep,
    looker,
    writes: new CacheFirstWritePath({
      ...ports,
      delivery,
      circuit,
      stats,
      clock,
      random,
      log,
      syncTimeoutMs,
    }),
    reads: new CacheFirstReadPath({ ...ports, clock, readThrough, storeLimitMs: syncTimeoutMs }),
    repairer: new Repairer(looker, new CacheFirstRepair({ ...ports, delivery, acknowledge }), 1024),
    projector: new Projector({
      ...ports,
      acknowledge,
      sweep,
      clock,
      random,
      log,
      intervalMs: PROJECTOR_INTERVAL_MS,
      batchSize,
      attemptsMax: ATTEMPTS_MAX,
    }),
  };
}
