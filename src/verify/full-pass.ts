import type { CachePage, CachePort } from "../cache/cache-port.ts";
import { BatchSizer } from "../lib/batch-sizer.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Compared, Looker, Sweep } from "./looker.ts";
import type { EventPlace, PassPlace, ScanPlace } from "./pass-cursor.ts";
import { passOverEvents } from "./pass-over-events.ts";

/** Many small keys go together, as each page costs a few round trips. */
const PAGE_SIZE = 1000;

/** Pages that are looked at together: while one waits for the cache or the store, the other is judged. */
const PAGES_AT_ONCE = 2;

/** What one page may hold of values on both sides, as far as its size can be foreseen. */
const PAGE_BYTES_MAX = 8_000_000;

export interface PassParts {
  readonly cache: CachePort;
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly looker: Looker;
}

export interface PassRequest {
  readonly prefix: string;
  readonly compared: Compared;
  readonly from: PassPlace;
  /** To stop after about so many keys: exactly so many rows, or the page of the cache that comes to it. */
  readonly limit?: number | undefined;
}

/** A part of a pass. */
export interface PassPage {
  /** Which side has these keys; events are the store's. */
  readonly side: "store" | "cache";
  readonly sweep: Sweep;
  /** Where the rest begins; undefined at the end. */
  readonly next: PassPlace | undefined;
  /** Whether the cache's side begins with this page once more, because the cache has started anew. */
  readonly again: boolean;
}

/**
 * Every key: first all that the store has, page by page in key order, then what only the cache has, at last what only the outbox has. Holds three pages, the
 * two that are looked at and the one that is being read, so its need does not grow with the number of keys.
 */
export async function* passOver(parts: PassParts, request: PassRequest): AsyncGenerator<PassPage> {
  const pace: Pace = {
    sizer: new BatchSizer({ itemsMax: PAGE_SIZE, bytesMax: PAGE_BYTES_MAX }),
    left: request.limit ?? Number.POSITIVE_INFINITY,
  };
  const { from } = request;
  if (from.side === "store") {
    yield* passOverStore(parts, request, { pace, after: from.after });
    if (pace.left <= 0) return;
  }
  if (from.side !== "events") {
    const scan = from.side === "cache" ? from.scan : null;
    const isOver = yield* passOverCache(parts, request, { pace, from: scan });
    if (!isOver) return;
  }
  const events = from.side === "events" ? from.events : FIRST_EVENTS;
  yield* passOverOutbox(parts, request, { pace, from: events });
}

const FIRST_EVENTS: EventPlace = { bucket: 0, after: null };

/** How much the next page may hold, and how much all pages of this call together. */
interface Pace {
  readonly sizer: BatchSizer;
  left: number;
}

async function* passOverStore(
  { store, looker }: PassParts,
  { prefix, compared }: PassRequest,
  { pace, after }: { readonly pace: Pace; readonly after: string | null },
): AsyncGenerator<PassPage> {
  const read = async (afterKey: string | null): Promise<StoredPage> => {
    const limit = Math.min(pace.sizer.items, pace.left);
    pace.left -= limit;
    const page = { prefix, limit, ...(afterKey === null ? {} : { afterKey }) };
    if (compared === "contents") {
      const rows = await store.scanContents(page);
      return {
        last: lastKeyOf(rows, limit),
        size: rows.length,
        look: () => looker.sweepRows(rows),
      };
    }
    const rows = await store.scanDigests(page);
    return {
      last: lastKeyOf(rows, limit),
      size: rows.length,
      look: () => looker.sweepDigests(rows),
    };
  };
  const lookAt = async ({ last, size, look }: StoredPage): Promise<PassPage> => {
    const sweep = await look();
    pace.sizer.saw(size, sweep.bytes);
    const next: PassPlace =
      last === undefined ? { side: "cache", scan: null } : { side: "store", after: last };
    return { side: "store", sweep, next, again: false };
  };
  let reading: Promise<StoredPage> | undefined = read(after);
  const looking: Promise<PassPage>[] = [];
  while (reading !== undefined || looking.length > 0) {
    while (reading !== undefined && looking.length < PAGES_AT_ONCE) {
      const page: StoredPage = await reading;
      const { last } = page;
      reading = last === undefined || pace.left <= 0 ? undefined : readAhead(read(last));
      looking.push(readAhead(lookAt(page)));
    }
    const looked = await looking.shift();
    if (looked !== undefined) yield looked;
  }
}

interface StoredPage {
  /** Where the next page begins; undefined at the end. */
  readonly last: string | undefined;
  readonly size: number;
  readonly look: () => Promise<Sweep>;
}

/** Fewer rows than asked for mean the end. */
function lastKeyOf(rows: readonly { readonly key: string }[], limit: number): string | undefined {
  return rows.length < limit ? undefined : rows.at(-1)?.key;
}

/** Answers whether the cache's end was reached. */
async function* passOverCache(
  { cache, store, looker }: PassParts,
  { prefix, compared }: PassRequest,
  { pace, from }: { readonly pace: Pace; readonly from: ScanPlace | null },
): AsyncGenerator<PassPage, boolean> {
  // Whole pages, however little is left: where most keys are not ours, small ones would be without number.
  const read = (cursor: string | undefined) =>
    cache.scan({ prefix, limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) });
  let id = await cache.scanId();
  let again = from !== null && from.id !== id;
  let reading: Promise<CachePage> | undefined = read(again ? undefined : from?.cursor);
  while (reading !== undefined) {
    const { keys, cursor }: CachePage = await reading;
    const idNow = await cache.scanId();
    if (idNow !== id) {
      // A place in an earlier life of the cache is none in this one.
      id = idNow;
      again = true;
      reading = read(undefined);
      continue;
    }
    pace.left -= PAGE_SIZE;
    reading = cursor === undefined || pace.left <= 0 ? undefined : readAhead(read(cursor));
    const sweep = await sweepUnstored({ store, looker }, { keys, compared, sizer: pace.sizer });
    const next: PassPlace =
      cursor === undefined
        ? { side: "events", events: FIRST_EVENTS }
        : { side: "cache", scan: { id, cursor } };
    yield { side: "cache", sweep, next, again };
    again = false;
    if (cursor === undefined) return true;
  }
  return false;
}

/** Comes even where nothing is left of the limit: an empty outbox ends the pass. */
async function* passOverOutbox(
  parts: PassParts,
  { prefix, compared }: PassRequest,
  { pace, from }: { readonly pace: Pace; readonly from: EventPlace },
): AsyncGenerator<PassPage> {
  // Its own: what was learnt of rows, or of digests, says nothing of the size of events.
  const sizer = new BatchSizer({ itemsMax: PAGE_SIZE, bytesMax: PAGE_BYTES_MAX });
  const room = () => Math.min(sizer.items, Math.max(0, pace.left));
  for await (const page of passOverEvents(parts, { prefix, compared, from, room })) {
    const { events, bytes, sweep, next } = page;
    pace.left -= events;
    sizer.saw(events, bytes);
    yield {
      side: "store",
      sweep,
      next: next && { side: "events", events: next },
      again: false,
    };
  }
}

/** Those keys of the cache that have no row. What has one was checked on the store's side, or was written since. */
async function sweepUnstored(
  { store, looker }: Pick<PassParts, "store" | "looker">,
  found: {
    readonly keys: readonly string[];
    readonly compared: Compared;
    readonly sizer: BatchSizer;
  },
): Promise<Sweep> {
  const keys = [...new Set(found.keys)];
  const stored = await store.existing(keys);
  const only = keys.filter((key) => !stored.has(key));
  const sweeps: Sweep[] = [];
  for (let start = 0, end = 0; start < only.length; start = end) {
    end = start + found.sizer.items;
    const some = only.slice(start, end);
    const sweep = await looker.sweepKeys(some, found.compared);
    found.sizer.saw(some.length, sweep.bytes);
    sweeps.push(sweep);
  }
  return {
    settled: sweeps.flatMap(({ settled }) => settled),
    suspects: sweeps.flatMap(({ suspects }) => suspects),
    bytes: 0,
  };
}

/** A page that nobody comes to ask for, because the pass was stopped, may fail without anyone hearing of it. */
function readAhead<T>(reading: Promise<T>): Promise<T> {
  reading.catch(() => undefined);
  return reading;
}
