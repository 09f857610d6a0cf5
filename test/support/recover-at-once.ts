import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { FIRST_EPOCH } from "../../src/model/version.ts";

/**
 * Lets a cache without a store behind it recover: each bucket goes on under the next epoch, with what it holds. Returns
 * the cache.
 */
export function recoveringAtOnce<T extends CacheAuthorityPort>(cache: T): T {
  const underWay = new Map<number, Promise<void>>();
  const recover = async (bucket: number) => {
    const found = (await cache.buckets.states())[bucket];
    if (found === undefined || found.isCurrent) return;
    await cache.buckets.install(found, (found.epoch ?? FIRST_EPOCH - 1) + 1);
  };
  cache.buckets.onLost((bucket) => {
    const recovered =
      underWay.get(bucket) ?? recover(bucket).finally(() => underWay.delete(bucket));
    underWay.set(bucket, recovered);
    return recovered;
  });
  return cache;
}
