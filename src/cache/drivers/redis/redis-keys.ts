import { bucketOf } from "../../../model/bucket.ts";
import { RESERVED_PREFIX } from "../../../model/key.ts";

/** Begin of every meta key; the user's key follows as it is. */
export const META_PREFIX = `${RESERVED_PREFIX}m:`;

export const metaKey = (key: string): string => META_PREFIX + key;
export const leaseKey = (key: string): string => `${RESERVED_PREFIX}l:${key}`;
/** Where recovery keeps a value that it has taken out of use. */
export const asideKey = (key: string): string => `${RESERVED_PREFIX}a:${key}`;
export const stateKey = (bucket: number): string => `${RESERVED_PREFIX}s:${bucket}`;
export const pendingKey = (bucket: number): string => `${RESERVED_PREFIX}p:${bucket}`;

/** The side keys of one user key. */
export function sideKeys(key: string) {
  const bucket = bucketOf(key);
  return {
    bucket,
    meta: metaKey(key),
    lease: leaseKey(key),
    state: stateKey(bucket),
    pending: pendingKey(bucket),
  };
}

/** A SCAN pattern that matches exactly the keys that begin with `prefix`. */
export function patternOf(prefix: string): string {
  return `${prefix.replaceAll(/[*?[\]\\]/g, "\\$&")}*`;
}
