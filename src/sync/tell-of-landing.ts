import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { TellCache } from "./owed-words.ts";
import { checkRecovered, storedEpochs } from "./stored-epochs.ts";

/** Tells the cache of writes of an earlier epoch that have landed since, once it has recovered as far as the store's epoch. */
export function tellOfLandingIn(parts: {
  readonly cache: CacheAuthorityPort;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
}): TellCache {
  const { cache, bucketStates } = parts;
  return async (landed) => {
    await checkRecovered(cache, await storedEpochs(bucketStates, [...landed.keys()]));
    const versions = [...landed].map(([key, version]) => ({ key, version }));
    if (cache.policy?.pinned === false)
      await Promise.all(versions.map(({ key, version }) => cache.settle(key, version)));
    else await cache.acknowledge(versions);
  };
}
