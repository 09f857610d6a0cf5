import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { watchCache, watchOutbox, watchStore } from "../history/watch-backends.ts";
import { CacheCircuit } from "../kv/cache-circuit.ts";
import { CacheFirstReadPath } from "../kv/cache-first-read-path.ts";
import { CacheFirstWritePath } from "../kv/cache-first-write-path.ts";
import { isAtLeast } from "../load/judge-pressure.ts";
import { acknowledgeIn } from "../sync/acknowledger.ts";
import { CacheFirstDelivery } from "../sync/cache-first-delivery.ts";
import { CALL_MARGIN_MS } from "../sync/call-margin.ts";
import { JournalLedger } from "../sync/journal-ledger.ts";
import { JournalSweep } from "../sync/journal-sweep.ts";
import { OwedWords } from "../sync/owed-words.ts";
import { Recovery } from "../sync/recovery.ts";
import { tellOfLandingIn } from "../sync/tell-of-landing.ts";
import { CacheFirstRepair } from "../verify/cache-first-repair.ts";
import { type AuthoritySide, type SideParts } from "./authority-side.ts";

/** How much larger the batches of direct writes may get under pressure, and how much longer they wait for company. */
const WIDENING = 4;

/** Redis decides. The driver and its client are loaded here and nowhere else. */
export async function cacheFirstSide(redisUrl: string, parts: SideParts): Promise<AuthoritySide> {
  const { config, environment, opened, pool, circuit, stats, onEvent, pressure, historian } = parts;
  const { clock, random, logger: log } = environment;
  const { bucketStates } = opened;
  const store = watchStore(opened.store, historian);
  const outbox = watchOutbox(opened.outbox, historian);
  const { syncTimeoutMs, outboxBatchSize, residencyTtlSec, tombstoneGraceHours } = config;
  const { openRedis } = await import("../cache/drivers/redis/open-redis.ts");
  const openedCache: CacheAuthorityPort =
    environment.backends?.redis ??
    openRedis({
      url: redisUrl,
      commandTimeoutMs: syncTimeoutMs,
      residencyMs: residencyTtlSec === undefined ? undefined : residencyTtlSec * 1000,
      graceMs: tombstoneGraceHours * 3_600_000,
      // What nobody brings back on a read must stay.
      isShortOfRoom: () => config.readThrough && pressure().isShortOfRoom,
      random,
      log,
    });
  const cache = watchCache(openedCache, historian);
  const ledger = new JournalLedger();
  const recovery = new Recovery({
    cache,
    store,
    outbox,
    bucketStates,
    ledger,
    clock,
    log,
    waitMs: syncTimeoutMs,
    onLost: ({ key, version }) => historian.note(key, { what: "lost", how: "recovery", version }),
  });
  cache.buckets.onLost((bucket) => recovery.whenLost(bucket));
  const owed = new OwedWords({ tell: tellOfLandingIn({ cache, bucketStates }), clock, log });
  const acknowledge = acknowledgeIn({ cache, bucketStates, ledger, owed });
  const cacheCircuit = new CacheCircuit({ cache, clock });
  const isWide = () => isAtLeast(pressure().level, "widen");
  const delivery = new CacheFirstDelivery({
    cache,
    store,
    outbox,
    bucketStates,
    ledger,
    owed,
    pool,
    circuit,
    stats,
    clock,
    log,
    onEvent,
    onLeftBehind: () => recovery.lookSoon(),
    syncTimeoutMs,
    batch: {
      get sizeMax() {
        return config.syncBatchSize * (isWide() ? WIDENING : 1);
      },
      get windowMs() {
        return config.syncWindowMs * (isWide() ? WIDENING : 1);
      },
    },
  });
  return {
    cache,
    journal: cache,
    recovery,
    owed,
    cacheCircuit,
    writes: new CacheFirstWritePath({
      cache,
      cacheCircuit,
      store,
      outbox,
      delivery,
      ledger,
      circuit,
      stats,
      clock,
      random,
      syncTimeoutMs,
    }),
    reads: new CacheFirstReadPath({
      cache,
      cacheCircuit,
      store,
      outbox,
      clock,
      readThrough: config.readThrough,
      readWhileRecovering: config.readWhileRecovering,
      storeLimitMs: syncTimeoutMs,
    }),
    acknowledge,
    sweep: new JournalSweep({
      cache,
      store: watchStore(opened.store, historian, "sweep"),
      outbox,
      acknowledge,
      clock,
      batchSize: outboxBatchSize,
    }),
    repairSteps: new CacheFirstRepair({
      cache,
      store: watchStore(opened.store, historian, "repair"),
      outbox,
      delivery,
      acknowledge,
    }),
    looking: {
      provesRemoval: (key, version) => cache.provesRemoval(key, version),
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
