import slotOf from "cluster-key-slot";

/** How many buckets markers and state are spread over when Redis is not a cluster. */
export const BUCKETS = 16;

/** Every bucket, in order. */
export const ALL_BUCKETS: readonly [number, ...number[]] = [
  0,
  ...Array.from({ length: BUCKETS - 1 }, (_, i) => i + 1),
];

/**
 * The bucket of a user key: CRC16 as Redis Cluster computes it (a `{tag}` in the key is honoured),
 * modulo {@link BUCKETS}. Stored with each row, so it must never change for a given key.
 */
export function bucketOf(key: string): number {
  return slotOf(key) % BUCKETS;
}
