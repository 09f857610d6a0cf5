import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { CacheCircuit } from "../../src/kv/cache-circuit.ts";
import { CacheFirstReadPath } from "../../src/kv/cache-first-read-path.ts";
import { CacheFirstWritePath } from "../../src/kv/cache-first-write-path.ts";
import type { BucketStatesPort } from "../../src/store/bucket-states-port.ts";
import type { OutboxPort } from "../../src/store/outbox-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import { acknowledgeIn } from "../../src/sync/acknowledger.ts";
import { Backlog } from "../../src/sync/backlog.ts";
import { CacheFirstDelivery } from "../../src/sync/cache-first-delivery.ts";
import { JournalLedger } from "../../src/sync/journal-ledger.ts";
import { JournalSweep } from "../../src/sync/journal-sweep.ts";
import { OwedWords } from "../../src/sync/owed-words.ts";
import { Projector } from "../../src/sync/projector.ts";
import { Recovery } from "../../src/sync/recovery.ts";
import { StoreCircuit } from "../../src/sync/store-circuit.ts";
import { SyncPool } from "../../src/sync/sync-pool.ts";
import { SyncStats } from "../../src/sync/sync-stats.ts";
import { tellOfLandingIn } from "../../src/sync/tell-of-landing.ts";
import { CacheFirstRepair } from "../../src/verify/cache-first-repair.ts";
import { Looker } from "../../src/verify/looker.ts";
import { Repairer } from "../../src/verify/repairer.ts";
import { FakeRedis } from "./fake-redis.ts";
import { FakeRedisCache } from "./fake-redis-cache.ts";
import { ManualClock } from "./manual-clock.ts";
import { type MemorySqlite, openMemorySqlite } from "./memory-sqlite.ts";
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
  readonly readWhileRecovering?: boolean;
  /** Another world, whose servers this one is to use as a second process would. */
  readonly on?: { readonly redis: FakeRedis; readonly sqlite: MemorySqlite };
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
  readWhileRecovering = false,
  on,
}: CacheFirstOptions = {}) {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const log = new RecordingLog();
  const redis = on?.redis ?? new FakeRedis({ clock, maxmemoryPolicy });
  const sqlite = on?.sqlite ?? (await openMemorySqlite({ clock, random }));
  const past: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly bucketStates: BucketStatesPort;
  } = {
    store: sqlite.store,
    outbox: sqlite.outbox,
    bucketStates: sqlite.bucketStates,
    cache: new FakeRedisCache(redis, { random }),
  };
  const ledger = new JournalLedger();
  const storeId = await past.store.storeId();
  if (on === undefined) redis.tie(storeId);
  await past.cache.bindStore(storeId);
  const recovery = new Recovery({ ...past, ledger, clock, log, waitMs: SYNC_TIMEOUT_MS });
  past.cache.buckets.onLost((bucket) => recovery.whenLost(bucket));

  const calls: string[] = [];
  const steered = {
    cache: steer("cache", past.cache, calls),
    store: steer("store", past.store, calls),
    outbox: steer("outbox", past.outbox, calls),
  };
  // Asked with every batch; what suites expect and steer of the calls of others is not about it.
  const steeredStates = steer("bucketStates", past.bucketStates, []);
  const ports = {
    cache: steered.cache.port,
    store: steered.store.port,
    outbox: steered.outbox.port,
    bucketStates: steeredStates.port,
  };
  const syncTimeoutMs = SYNC_TIMEOUT_MS;
  const callLimitMs = syncTimeoutMs + 250;
  const pool = new SyncPool(clock, concurrency);
  const circuit = new StoreCircuit(clock);
  const cacheCircuit = new CacheCircuit({ cache: ports.cache, clock });
  const stats = new SyncStats();
  const onEvent = () => void calls.push("onEvent");
  const owed = new OwedWords({ tell: tellOfLandingIn(ports), clock, log });
  const acknowledge = acknowledgeIn({ ...ports, ledger, owed });
  const delivery = new CacheFirstDelivery({
    ...ports,
    ledger,
    owed,
    pool,
    circuit,
    stats,
    clock,
    log,
    onEvent,
    onLeftBehind: () => void calls.push("onLeftBehind"),
    syncTimeoutMs,
    batch: BATCH,
  });
  const sweep = new JournalSweep({ ...ports, acknowledge, clock, batchSize });
  const looker = new Looker({
    ...ports,
    clock,
    syncObjectiveMs: 10_000,
    provesRemoval: (key, version) => ports.cache.provesRemoval(key, version),
    thirdLookAfterMs: () => (past.cache.policy?.pinned === false ? callLimitMs : 0),
    isCurrentCopy: () => true,
  });
  const steps = new CacheFirstRepair({ ...ports, delivery, acknowledge });
  return {
    clock,
    random,
    log,
    redis,
    sqlite,
    database: sqlite.database,
    past,
    calls,
    steered,
    steeredStates,
    ports,
    pool,
    circuit,
    cacheCircuit,
    stats,
    ledger,
    owed,
    recovery,
    delivery,
    acknowledge,
    sweep,
    backlog: new Backlog(ports.cache, ports.cache, ports.outbox, callLimitMs),
    looker,
    writes: new CacheFirstWritePath({
      ...ports,
      cacheCircuit,
      delivery,
      ledger,
      circuit,
      stats,
      clock,
      random,
      syncTimeoutMs,
    }),
    reads: new CacheFirstReadPath({
      ...ports,
      cacheCircuit,
      clock,
      readThrough,
      readWhileRecovering,
      storeLimitMs: syncTimeoutMs,
    }),
    steps,
    repairer: new Repairer(looker, steps, 1024),
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
