import { expect, it } from "@jest/globals";
import { openFakeRedisHarness } from "../contract/fake-redis-harness.ts";
import { openRedisHarness } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useRedis } from "../support/servers/use-redis.ts";
import { planCacheStream } from "./cache-stream.ts";
import { CacheSubject } from "./cache-subject.ts";
import { compareStreams, seedsOr } from "./compare-streams.ts";

const SEEDS = seedsOr(8);

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `the simulated Redis and ${name}`, () => {
    const redis = useRedis({ version });

    it(
      "answer alike, and hold the same after every step",
      async () => {
        const compared = compareStreams(SEEDS, {
          plan: planCacheStream,
          open: async (setting) => [
            await CacheSubject.open(
              name,
              (options) => openRedisHarness(redis.server, options),
              setting,
            ),
            await CacheSubject.open("the simulated Redis", openFakeRedisHarness, setting),
          ],
          // Fill leases live for three seconds.
          withinMs: 2_500,
        });

        await expect(compared).resolves.toBeUndefined();
      },
      60_000 + SEEDS * 20_000,
    );
  });
}
