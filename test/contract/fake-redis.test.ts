import { asCacheHarness } from "./cache-authority/as-cache-harness.ts";
import { describeCacheAuthorityContract } from "./cache-authority-contract.ts";
import { type CacheHarness, describeCacheContract } from "./cache-contract.ts";
import { openFakeRedisHarness } from "./fake-redis-harness.ts";

/** What simulations stand on keeps the promises of the real driver. */
describeCacheContract("the simulated Redis", openCacheHarness, { marksPending: true });
describeCacheAuthorityContract("the simulated Redis", openFakeRedisHarness);

async function openCacheHarness(): Promise<CacheHarness> {
  const harness = await openFakeRedisHarness();
  const { nowMs, elapse } = harness;
  const clock = { nowMs: await nowMs() };
  return asCacheHarness(harness, {
    nowMs: () => clock.nowMs,
    elapse: async (ms) => {
      await elapse(ms);
      clock.nowMs = await nowMs();
    },
  });
}
