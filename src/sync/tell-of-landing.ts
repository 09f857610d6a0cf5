import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { bucketOf } from "../model/bucket.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { TellCache } from "./owed-words.ts";

/**
 * Tells the cache of a write of an earlier epoch that has landed since. A Redis that has been left behind would listen
 * too, and the one that counts would keep what is older; so only one is told that has recovered as far as the store's
 * epoch. Errors: RECOVERING where this one has not yet; as the ports.
 */
export function tellOfLandingIn(parts: {
  readonly cache: CacheAuthorityPort;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
}): TellCache {
  const { cache, bucketStates } = parts;
  return async (key, version) => {
    const bucket = bucketOf(key);
    const [stored] = await bucketStates.read([bucket]);
    const [found] = await cache.buckets.states([bucket]);
    const isRecovered = found?.isCurrent === true && (found.epoch ?? 0) >= (stored?.epoch ?? 0);
    if (!isRecovered) {
      throw new LockstepError("RECOVERING", "Redis has not recovered under the store's epoch yet.");
    }
    if (cache.policy?.pinned === false) await cache.settle(key, version);
    else await cache.acknowledge([{ key, version }]);
  };
}
