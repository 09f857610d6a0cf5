import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { bucketOf } from "../model/bucket.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";

/** Epochs by bucket. */
export type Epochs = ReadonlyMap<number, number>;

/** The store's epochs of the buckets of these keys. Error: STORE_UNAVAILABLE. */
export function storedEpochs(
  bucketStates: Pick<BucketStatesPort, "read">,
  keys: readonly string[],
): Promise<Epochs> {
  return epochsOf(bucketStates, [...new Set(keys.map(bucketOf))]);
}

/** The store's epochs of these buckets, each named once. Error: STORE_UNAVAILABLE. */
export async function epochsOf(
  bucketStates: Pick<BucketStatesPort, "read">,
  buckets: readonly number[],
): Promise<Epochs> {
  const states = await bucketStates.read(buckets);
  return new Map(buckets.map((bucket, i) => [bucket, states[i]?.epoch ?? 0]));
}

/**
 * Makes sure that this cache has recovered as far as these epochs. A Redis that has been left behind would listen too,
 * and the one that counts would keep what is older. Errors: RECOVERING where it has not yet; as the cache.
 */
export async function checkRecovered(
  cache: Pick<CacheAuthorityPort, "buckets">,
  epochs: Epochs,
): Promise<void> {
  const found = await cache.buckets.states([...epochs.keys()]);
  const isRecovered = found.every(
    ({ bucket, isCurrent, epoch = 0 }) => isCurrent && epoch >= (epochs.get(bucket) ?? 0),
  );
  if (isRecovered) return;
  throw new LockstepError("RECOVERING", "Redis has not recovered under the store's epoch yet.");
}
