import { openRedis } from "../../src/cache/drivers/redis/open-redis.ts";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { recoveringAtOnce } from "../support/recover-at-once.ts";

const COMMAND_LIMIT_MS = 10_000;

/** Far enough for nothing to expire meanwhile. */
const GRACE_MS = 24 * 3_600_000;

/** The cache's driver alone: no sweep, no delivery and no recovery from a store works beside what is measured. */
export function openBareCache(url: string): RedisCache {
  return recoveringAtOnce(
    openRedis({
      url,
      commandTimeoutMs: COMMAND_LIMIT_MS,
      residencyMs: undefined,
      graceMs: GRACE_MS,
      random: systemRandom,
      log: silentLog,
    }),
  );
}
