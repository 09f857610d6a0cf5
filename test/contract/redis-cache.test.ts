import { systemClock } from "../../src/lib/clock.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RedisServer } from "../support/servers/start-redis.ts";
import { useRedis } from "../support/servers/use-redis.ts";
import { asCacheHarness } from "./cache-authority/as-cache-harness.ts";
import { describeCacheAuthorityContract } from "./cache-authority-contract.ts";
import { type CacheHarness, describeCacheContract } from "./cache-contract.ts";
import { openRedisHarness } from "./redis-harness.ts";
import { REDIS_VERSIONS } from "./redis-versions.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], name, () => {
    const redis = useRedis({ version });

    describeCacheContract(name, () => openCacheHarness(redis.server), { marksPending: true });
    describeCacheAuthorityContract(name, (options) => openRedisHarness(redis.server, options));
  });
}

async function openCacheHarness(server: RedisServer): Promise<CacheHarness> {
  const harness = await openRedisHarness(server);
  // The server is on this machine, so both read the same clock.
  return asCacheHarness(harness, { nowMs: () => systemClock.nowMs(), elapse: harness.elapse });
}
