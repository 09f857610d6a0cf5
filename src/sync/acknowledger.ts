import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Version } from "../model/version.ts";
import type { JournalLedger } from "./journal-ledger.ts";

/** Tells the cache what the shadow has now, for each key. */
export type Acknowledge = (shadowVersions: ReadonlyMap<string, Version>) => Promise<void>;

/**
 * Cache first: the markers go, or move up, or a copy that was left behind is dropped. Unpinned, the meta of an older value
 * may have been evicted: that value is left behind too, and only settling drops it.
 */
export function acknowledgeIn(cache: CacheAuthorityPort, ledger: JournalLedger): Acknowledge {
  return async (shadowVersions) => {
    if (shadowVersions.size === 0) return;
    for (const [key, version] of shadowVersions) ledger.landed(key, version);
    const acks = [...shadowVersions].map(([key, version]) => ({ key, version }));
    const outcomes = await cache.acknowledge(acks);
    if (cache.policy?.pinned !== false) return;
    const absent = acks.filter((_, at) => outcomes[at] === "absent");
    await Promise.all(absent.map(({ key, version }) => cache.settle(key, version)));
  };
}

/** Store first: the copies were made by the store's own answer and there are no markers. */
export const nothingToAcknowledge: Acknowledge = async () => undefined;
