import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Version } from "../model/version.ts";

/** Tells the cache what the shadow has now, for each key. */
export type Acknowledge = (shadowVersions: ReadonlyMap<string, Version>) => Promise<void>;

/** Cache first: the markers go, or move up, or a copy that was left behind is dropped. */
export function acknowledgeIn(cache: CacheAuthorityPort): Acknowledge {
  return async (shadowVersions) => {
    if (shadowVersions.size === 0) return;
    await cache.acknowledge([...shadowVersions].map(([key, version]) => ({ key, version })));
  };
}

/** Store first: the copies were made by the store's own answer and there are no markers. */
export const nothingToAcknowledge: Acknowledge = async () => undefined;
