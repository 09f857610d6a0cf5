import type { CachePort } from "../cache/cache-port.ts";
import { BUCKETS } from "../model/bucket.ts";
import type { OutboxEvent, OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Compared, Looker, Sweep } from "./looker.ts";
import type { EventPlace } from "./pass-cursor.ts";

export interface EventsPassParts {
  readonly cache: CachePort;
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly looker: Looker;
}

export interface EventsPassRequest {
  readonly prefix: string;
  readonly compared: Compared;
  readonly from: EventPlace;
  /** How many events the next page may have; 0 ends the pass. */
  readonly room: () => number;
}

export interface EventsPage {
  readonly events: number;
  /** About how much of values was read. */
  readonly bytes: number;
  readonly sweep: Sweep;
  /** Where the rest begins; undefined at the end. */
  readonly next: EventPlace | undefined;
}

const NOTHING: Sweep = { settled: [], suspects: [], bytes: 0 };

/**
 * Keys of which the outbox alone knows: with neither a row, which the pass over the store has met, nor anything in the cache.
 * Parked events are among them. Bucket by bucket, in the order in which the events were appended; of several of one
 * key the first stands for it.
 */
export async function* passOverEvents(
  parts: EventsPassParts,
  { prefix, compared, from, room }: EventsPassRequest,
): AsyncGenerator<EventsPage> {
  const { outbox, looker } = parts;
  if ((await outbox.countUnprocessed()) === 0) {
    yield { events: 0, bytes: 0, sweep: NOTHING, next: undefined };
    return;
  }
  let place: EventPlace | undefined = from;
  while (place !== undefined && room() > 0) {
    const { bucket, after }: EventPlace = place;
    const { events, cursor } = await outbox.unprocessedIn({
      bucket,
      limit: room(),
      ...(after === null ? {} : { cursor: after }),
    });
    const keys = await unmetKeys(
      parts,
      events.filter(({ entry }) => entry.key.startsWith(prefix)),
    );
    const sweep = await looker.sweepKeys(keys, compared);
    const bytes = events.reduce((sum, { entry }) => sum + (entry.value?.length ?? 0), 0);
    place = placeAfter(bucket, cursor);
    yield { events: events.length, bytes, sweep, next: place };
  }
}

function placeAfter(bucket: number, cursor: string | undefined): EventPlace | undefined {
  if (cursor !== undefined) return { bucket, after: cursor };
  return bucket + 1 < BUCKETS ? { bucket: bucket + 1, after: null } : undefined;
}

async function unmetKeys(
  { cache, outbox, store }: EventsPassParts,
  events: readonly OutboxEvent[],
): Promise<readonly string[]> {
  const keys = [...new Set(events.map(({ entry }) => entry.key))];
  if (keys.length === 0) return [];
  const stored = await store.existing(keys);
  const unstored = keys.filter((key) => !stored.has(key));
  const cached = await cache.digests(unstored);
  const unmet = cached
    .filter(
      ({ valueBytes, foreignType, meta, markerSeq }) =>
        valueBytes === undefined &&
        foreignType === undefined &&
        meta === undefined &&
        markerSeq === undefined,
    )
    .map(({ key }) => key);
  const all = await outbox.unprocessedOf(unmet);
  const ids = new Set(events.map(({ id }) => id));
  return unmet.filter((key) => ids.has(all.get(key)?.[0]?.id ?? ""));
}
