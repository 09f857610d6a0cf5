import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { TellCache } from "./owed-words.ts";
import { checkRecovered, storedEpochs } from "./stored-epochs.ts";

/** Tells the cache of a write of an earlier epoch that has landed since, once it has recovered as far as the store's epoch. */
export function tellOfLandingIn(parts: {
  readonly cache: CacheAuthorityPort;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
}): TellCache {
  const { cache, bucketStates } = parts;
  return async (key, version) => {
    await checkRecovered(cache, await storedEpochs(bucketStates, [key]));
    if (cache.policy?.pinned === false) await cache.settle(key, version);
    else await cache.acknowledge([{ key, version }]);
  };
}
