import { expect } from "@jest/globals";
import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { Version } from "../../src/model/version.ts";
import { JournalLedger } from "../../src/sync/journal-ledger.ts";
import { Recovery } from "../../src/sync/recovery.ts";
import { setOf } from "../contract/commands.ts";
import { FakeRedis, type FakeSnapshot } from "./fake-redis.ts";
import { FakeRedisCache } from "./fake-redis-cache.ts";
import { ManualClock } from "./manual-clock.ts";
import { openMemorySqlite } from "./memory-sqlite.ts";
import { RecordingLog } from "./recording-log.ts";
import { SeededRandom } from "./seeded-random.ts";
import { steer } from "./steer.ts";

export const WAIT_MS = 2000;

/** The key of these worlds, and the bucket that is looked at. */
export const KEY = "user:1";
export const BUCKET = bucketOf(KEY);

export type RecoveryWorld = Awaited<ReturnType<typeof openRecoveryWorld>>;
export type RecoveryProcess = Awaited<ReturnType<RecoveryWorld["openProcess"]>>;

/**
 * A simulated Redis whose buckets all work, the real SQLite driver in memory, and processes that can recover: each
 * reaches the backends through steered ports of its own. `past` are the same backends as the test itself uses them.
 */
export async function openRecoveryWorld({ isTied = true } = {}) {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const redis = new FakeRedis({ clock, maxmemoryPolicy: "noeviction" });
  const sqlite = await openMemorySqlite({ clock, random });
  const storeId = await sqlite.store.storeId();
  if (isTied) redis.tie(storeId);

  const openProcess = async () => {
    const calls: string[] = [];
    const own = new FakeRedisCache(redis, { random });
    await own.bindStore(storeId);
    const steered = {
      cache: steer<CacheAuthorityPort>("cache", own, calls),
      buckets: steer("buckets", own.buckets, calls),
      store: steer("store", sqlite.store, calls),
      outbox: steer("outbox", sqlite.outbox, calls),
      bucketStates: steer("bucketStates", sqlite.bucketStates, calls),
    };
    const cache = new Proxy(steered.cache.port, {
      get: (target, property): unknown =>
        property === "buckets" ? steered.buckets.port : Reflect.get(target, property, target),
    });
    const log = new RecordingLog();
    const ledger = new JournalLedger();
    const recovery = new Recovery({
      cache,
      store: steered.store.port,
      outbox: steered.outbox.port,
      bucketStates: steered.bucketStates.port,
      ledger,
      clock,
      log,
      waitMs: WAIT_MS,
    });
    own.buckets.onLost((bucket) => recovery.whenLost(bucket));

    /** Minted and marked; in the journal alone. */
    const write = async (key = KEY, value = "new"): Promise<Entry> => {
      const written = await own.write(setOf({ key, value }));
      if (written.outcome !== "written") throw new Error("The write was refused.");
      return written.entry;
    };
    return {
      cache: own as CacheAuthorityPort,
      steered,
      calls,
      log,
      ledger,
      recovery,
      write,
      /** A write that was acknowledged from the journal. */
      journal: async (key = KEY): Promise<Entry> => {
        const entry = await write(key);
        ledger.acknowledged(key, entry.version);
        return entry;
      },
      /** A write that both sides have. */
      inStep: async (key = KEY, value = "new"): Promise<Entry> => {
        const entry = await write(key, value);
        await sqlite.store.applyNewer([entry], "ASYNC_THREAD");
        await own.acknowledge([entry]);
        return entry;
      },
      /** What was told of lost writes, line by line. */
      losses: () =>
        log.lines
          .filter(({ message }) => message.startsWith("Redis has lost writes"))
          .map(({ fields }) => (fields as { keys: readonly string[] }).keys),
    };
  };

  return {
    clock,
    redis,
    past: sqlite,
    storeId,
    openProcess,
    /** The bucket loses its state, as by an eviction; all it holds stays. */
    loseState: (bucket = BUCKET) => void redis.states.delete(bucket),
    /** As {@link FakeRedis.restart}, and the other buckets work, so that only the one is recovered. */
    restart: (from?: FakeSnapshot) => {
      redis.restart(from);
      for (const [bucket, state] of redis.states) {
        if (bucket !== BUCKET) redis.states.set(bucket, { ...state, run: redis.run });
      }
    },
    epochs: async () => ({
      cache: redis.states.get(BUCKET)?.epoch,
      store: (await sqlite.bucketStates.read([BUCKET]))[0]?.epoch,
    }),
    purgedUpTo: (version: Version) => {
      const sql = `INSERT INTO bucket_states (bucket, epoch, highest_purged) VALUES (?, 1, ?)
        ON CONFLICT (bucket) DO UPDATE SET highest_purged = excluded.highest_purged`;
      sqlite.database.query(sql).run(BUCKET, version);
    },
    /** The bucket works, here and now, and under the epoch that the store has. */
    expectRecovered: async () => {
      const state = redis.states.get(BUCKET);
      expect(state?.run).toBe(redis.run);
      expect(state?.epoch).toBe((await sqlite.bucketStates.read([BUCKET]))[0]?.epoch);
    },
  };
}
