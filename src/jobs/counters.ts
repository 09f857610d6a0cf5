import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { ALL_BUCKETS } from "../model/bucket.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";

/** What has happened to the cache so far; only differences mean anything. Null where it is not known now. */
export interface Counters {
  /** Keys that this run of the cache's server has evicted. */
  readonly evictions: number | null;
  /** Buckets that were recovered after the cache had lost their state, by any process. */
  readonly recoveries: number | null;
}

export type ReadCounters = () => Promise<Counters>;

/** Counts from the outside what makes drift likelier. Never fails: a count that cannot be had is no reason not to look. */
export function readCounters(parts: {
  readonly policy: () => Pick<NonNullable<CacheAuthorityPort["policy"]>, "evictedKeys"> | undefined;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
}): ReadCounters {
  return async () => {
    const states = await parts.bucketStates.read(ALL_BUCKETS).catch(() => undefined);
    return {
      evictions: parts.policy()?.evictedKeys ?? null,
      // Each recovery of a bucket raises its epoch, which begins at 1 and is the same for all processes.
      recoveries: states?.reduce((sum, { epoch }) => sum + epoch - 1, 0) ?? null,
    };
  };
}

/** How much of it is new. The evictions of a server that has been restarted count from 0 again. */
export function countedSince(
  then: Counters,
  now: Counters,
): { readonly evictions: number | undefined; readonly recoveries: number } {
  const { evictions } = now;
  return {
    evictions: evictions === null ? undefined : newOf(evictions, then.evictions ?? evictions),
    recoveries:
      now.recoveries === null ? 0 : newOf(now.recoveries, then.recoveries ?? now.recoveries),
  };
}

function newOf(now: number, then: number): number {
  return now >= then ? now - then : now;
}
