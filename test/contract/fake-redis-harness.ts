import { bucketOf } from "../../src/model/bucket.ts";
import { FakeRedis } from "../support/fake-redis.ts";
import { FakeRedisCache } from "../support/fake-redis-cache.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { recoveringAtOnce } from "../support/recover-at-once.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import {
  type CacheAuthorityHarness,
  type CacheAuthorityOptions,
  GRACE_MS,
  type RawCache,
  STORE_ID,
} from "./cache-authority/harness.ts";
import { WRITTEN_MS } from "./entries.ts";

/** The clock begins this long after the entries of the suites were written. */
const DAY_MS = 24 * 3_600_000;

/** A simulated server under a manual clock, and a cache that is bound to {@link STORE_ID}. */
export async function openFakeRedisHarness({
  maxmemoryPolicy = "noeviction",
  residencyMs,
}: CacheAuthorityOptions = {}): Promise<CacheAuthorityHarness> {
  const clock = new ManualClock({ nowMs: WRITTEN_MS + DAY_MS });
  const random = new SeededRandom(1);
  const redis = new FakeRedis({ clock, maxmemoryPolicy });
  const open = ({ recovers } = { recovers: true }) => {
    const cache = new FakeRedisCache(redis, {
      random,
      graceMs: GRACE_MS,
      ...(residencyMs === undefined ? {} : { residencyMs }),
    });
    return recovers ? recoveringAtOnce(cache) : cache;
  };
  const cache = open();
  await cache.bindStore(STORE_ID);
  return {
    cache,
    raw: rawCache(redis),
    openAnother: async (options) => open(options),
    nowMs: async () => clock.nowMs(),
    elapse: (ms) => clock.advance(ms),
    close: async () => undefined,
  };
}

function rawCache(redis: FakeRedis): RawCache {
  return {
    get: async (key) => redis.value(key)?.bytes ?? null,
    set: async (key, bytes, life) => redis.set(key, bytes, life),
    // Keys are text here, so there is none that could be left out.
    setBytesKey: async () => undefined,
    append: async (key, text) => redis.append(key, text),
    del: async (key) => redis.del(key),
    putOther: async (key, type) => redis.putOther(key, type),
    contentsOf: async (key) => structuredClone(redis.value(key)),
    forgetMeta: async (key) => void redis.metas.delete(key),
    spoilMeta: async (key) => void redis.metas.set(key, { meta: undefined, expiresAtMs: null }),
    leaseMsLeft: async (key) => (redis.leases.get(key)?.untilMs ?? 0) - redis.nowMs(),
    endLease: async (key) => void redis.leases.delete(key),
    setLastSeq: async (key, seq) => {
      redis.states.get(bucketOf(key))!.seq = seq;
    },
    backdateMarker: async (key, ms) => {
      redis.markers.set(key, (redis.markers.get(key) ?? 0) - 1000 * ms);
    },
    setPolicy: async (maxmemoryPolicy) => {
      redis.maxmemoryPolicy = maxmemoryPolicy;
    },
    lose: async () => redis.flush(),
    restart: async () => redis.restart(),
    asideOf: async (key) => {
      const held = redis.aside.get(key);
      if (held === undefined) return undefined;
      return { text: held.bytes.toString(), ttlMs: (held.expiresAtMs ?? 0) - redis.nowMs() };
    },
  };
}
