import type { CachePort } from "../cache/cache-port.ts";
import type { Random } from "../lib/random.ts";
import { Reservoir } from "../lib/reservoir.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { StorePort } from "../store/store-port.ts";

/** Where one key of so many is wanted, reading all of them is quicker than asking for each of those that are. */
const READ_ALL_BELOW = 20;

const PAGE_SIZE = 1000;

export interface DrawParts {
  readonly cache: CachePort;
  readonly store: StorePort;
  readonly random: Random;
}

export interface DrawRequest {
  readonly prefix: string;
  readonly size: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DrawnKeys {
  readonly keys: readonly string[];
  /** Those of them that have a row. */
  readonly storedKeys: readonly string[];
  /** How many keys there are on both sides together, about. */
  readonly population: number;
  /** Whether these are all of them. */
  readonly isAll: boolean;
}

/**
 * Draws keys so that each key that either side has is about as likely as any other. Two strata: keys with a row, and keys that
 * only the cache has; each gives as much of the sample as it has of the keys.
 *
 * *With a row*: the rows are cut into stretches of equal length, in key order, and of each stretch one key is taken, at
 * a place that chance decides. So every row has the same chance, and no pattern in the keys can hide from it.
 * *Only in the cache*: the cache draws (see {@link CachePort.sample}), and what has a row is left out.
 */
export async function drawSample(parts: DrawParts, request: DrawRequest): Promise<DrawnKeys> {
  const { cache, store, random } = parts;
  const { prefix, size } = request;
  const cached = await cache.sample({ prefix, size, random });
  const stored = await store.existing(cached.keys);
  const cachedOnly = cached.keys.filter((key) => !stored.has(key));
  const rows = await store.countRows(prefix);
  const share = cached.keys.length === 0 ? 0 : cachedOnly.length / cached.keys.length;
  const population = rows + Math.round(share * cached.total);

  const fromCache =
    population <= size ? cachedOnly.length : Math.round((size * (population - rows)) / population);
  const rowKeys = await drawRows(parts, request, { rows, wanted: Math.max(0, size - fromCache) });
  const keys = [...rowKeys.keys, ...cachedOnly.slice(0, fromCache)];
  const isAll =
    rowKeys.isAll && cached.keys.length >= cached.total && fromCache >= cachedOnly.length;
  const storedKeys = rowKeys.keys;
  return { keys, storedKeys, population: Math.max(population, keys.length), isAll };
}

async function drawRows(
  parts: DrawParts,
  request: DrawRequest,
  { rows, wanted }: { readonly rows: number; readonly wanted: number },
): Promise<{ readonly keys: readonly string[]; readonly isAll: boolean }> {
  if (wanted === 0) return { keys: [], isAll: rows === 0 };
  const stretch = Math.max(1, Math.floor(rows / wanted));
  // There are a few more stretches than wanted keys, and the number of rows is an estimate: what is too much goes by chance.
  const chosen = new Reservoir<string>(wanted, parts.random);
  const walk = stretch < READ_ALL_BELOW ? readEach : hop;
  for await (const key of walk(parts, request, stretch)) {
    if (request.signal?.aborted === true)
      throw new LockstepError("ABORTED", "The verification was cancelled.");
    chosen.add(key);
  }
  return { keys: chosen.items, isAll: stretch === 1 && chosen.seen === chosen.items.length };
}

/** One key of each stretch, by asking for it alone; the store walks over those between. */
async function* hop(
  { store, random }: DrawParts,
  { prefix }: DrawRequest,
  stretch: number,
): AsyncGenerator<string> {
  let afterKey: string | undefined;
  let passed = 0;
  for (let begin = 0; ; begin += stretch) {
    const place = begin + Math.floor(random.fraction() * stretch);
    const from = afterKey === undefined ? {} : { afterKey };
    afterKey = await store.keyAfter({ prefix, skip: place - passed, ...from });
    if (afterKey === undefined) return;
    passed = place + 1;
    yield afterKey;
  }
}

/** The same by reading them all. */
async function* readEach(
  { store, random }: DrawParts,
  { prefix }: DrawRequest,
  stretch: number,
): AsyncGenerator<string> {
  let place = Math.floor(random.fraction() * stretch);
  let passed = 0;
  let begin = 0;
  let afterKey: string | undefined;
  for (;;) {
    const from = afterKey === undefined ? {} : { afterKey };
    const rows = await store.scanDigests({ prefix, limit: PAGE_SIZE, ...from });
    for (const { key } of rows) {
      if (passed === place) {
        yield key;
        begin += stretch;
        place = begin + Math.floor(random.fraction() * stretch);
      }
      passed += 1;
    }
    if (rows.length < PAGE_SIZE) return;
    afterKey = rows.at(-1)?.key;
  }
}
