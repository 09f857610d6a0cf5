import { afterAll, beforeAll } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { describeCacheAuthorityContract } from "./cache-authority-contract.ts";
import { type CacheHarness, describeCacheContract } from "./cache-contract.ts";
import { openRedisHarness } from "./redis-harness.ts";
import { REDIS_VERSIONS } from "./redis-versions.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], name, () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis({ version });
    });
    afterAll(() => server.close());

    describeCacheContract(name, () => openCacheHarness(server), { marksPending: true });
    describeCacheAuthorityContract(name, (options) => openRedisHarness(server, options));
  });
}

async function openCacheHarness(server: RedisServer): Promise<CacheHarness> {
  const { cache, raw, elapse, close } = await openRedisHarness(server);
  return {
    cache,
    // The server is on this machine, so both read the same clock.
    nowMs: () => systemClock.nowMs(),
    elapse,
    write: async (command) => {
      const written = await cache.write(command);
      if (written.outcome !== "written") throw new Error("An unguarded write was refused.");
      return written.entry;
    },
    synced: async (entry) => {
      await cache.acknowledge([entry]);
    },
    changeOutside: (key, text) => raw.set(key, text),
    close,
  };
}
