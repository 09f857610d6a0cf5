import { describeCacheAuthorityContract } from "./cache-authority-contract.ts";
import { type CacheHarness, describeCacheContract } from "./cache-contract.ts";
import { openFakeRedisHarness } from "./fake-redis-harness.ts";

/** What simulations stand on keeps the promises of the real driver. */
describeCacheContract("the simulated Redis", openCacheHarness, { marksPending: true });
describeCacheAuthorityContract("the simulated Redis", openFakeRedisHarness);

async function openCacheHarness(): Promise<CacheHarness> {
  const { cache, raw, nowMs, elapse, close } = await openFakeRedisHarness();
  const clock = { nowMs: await nowMs() };
  return {
    cache,
    nowMs: () => clock.nowMs,
    elapse: async (ms) => {
      await elapse(ms);
      clock.nowMs = await nowMs();
    },
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
