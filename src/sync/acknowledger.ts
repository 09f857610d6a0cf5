import type { Acknowledgement, CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { bucketOf } from "../model/bucket.ts";
import { epochOf, type Version } from "../model/version.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { JournalLedger } from "./journal-ledger.ts";
import type { OwedWords } from "./owed-words.ts";
import { checkRecovered, storedEpochs } from "./stored-epochs.ts";

/** Tells the cache what the shadow has now, for each key. */
export type Acknowledge = (shadowVersions: ReadonlyMap<string, Version>) => Promise<void>;

export interface AcknowledgerParts {
  readonly cache: CacheAuthorityPort;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
  readonly ledger: JournalLedger;
  readonly owed: OwedWords;
}

/**
 * Cache first: the markers go, or move up, or a copy that was left behind is dropped. Unpinned, the meta of an older value
 * may have been evicted: that value is left behind too, and only settling drops it.
 *
 * What was read before Redis lost state may land after recovery has compared the copies. Nothing waits for it in that
 * Redis any more, so what is of an earlier epoch is told to one that has recovered, and again until it answers. Errors:
 * RECOVERING, and as the ports.
 */
export function acknowledgeIn({
  cache,
  bucketStates,
  ledger,
  owed,
}: AcknowledgerParts): Acknowledge {
  return async (shadowVersions) => {
    if (shadowVersions.size === 0) return;
    for (const [key, version] of shadowVersions) ledger.landed(key, version);
    const acks = [...shadowVersions].map(([key, version]) => ({ key, version }));
    // Until the store has told, any of them may be of an earlier epoch.
    let earlier: readonly Acknowledgement[] = acks;
    try {
      const epochs = await storedEpochs(bucketStates, [...shadowVersions.keys()]);
      const isEarlier = ({ key, version }: Acknowledgement) =>
        epochOf(version) < (epochs.get(bucketOf(key)) ?? 0);
      earlier = acks.filter(isEarlier);
      await tell(
        cache,
        acks.filter((ack) => !isEarlier(ack)),
      );
      if (earlier.length === 0) return;
      const buckets = new Set(earlier.map(({ key }) => bucketOf(key)));
      await checkRecovered(cache, new Map([...epochs].filter(([bucket]) => buckets.has(bucket))));
      await tell(cache, earlier);
    } catch (error) {
      for (const { key, version } of earlier) owed.add(key, version, error);
      throw error;
    }
  };
}

async function tell(cache: CacheAuthorityPort, acks: readonly Acknowledgement[]): Promise<void> {
  if (acks.length === 0) return;
  const outcomes = await cache.acknowledge(acks);
  if (cache.policy?.pinned !== false) return;
  const absent = acks.filter((_, at) => outcomes[at] === "absent");
  await Promise.all(absent.map(({ key, version }) => cache.settle(key, version)));
}

/** Store first: the copies were made by the store's own answer and there are no markers. */
export const nothingToAcknowledge: Acknowledge = async () => undefined;
