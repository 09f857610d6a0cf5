import type { ModelKeysPort } from "../cache/model-keys-port.ts";
import type { Random } from "../lib/random.ts";
import { Reservoir } from "../lib/reservoir.ts";
import type { Model } from "./model.ts";

/** How many keys of the database one page looks at. */
const PAGE_LOOKED = 1_000;

/** After so many keys of the database a sample is made of what was seen: about a second of scanning. */
const LOOKED_MAX = 200_000;

/**
 * Up to `size` keys of the model's form, each with the same chance (reservoir sampling). In a database of more than
 * 200,000 keys, of those that a scan meets first, which lie there in the order of their hashes.
 */
export async function sampleKeys(
  keys: ModelKeysPort,
  model: Model,
  {
    size,
    random,
    signal,
  }: { readonly size: number; readonly random: Random; readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const chosen = new Reservoir<string>(size, random);
  for await (const page of scanKeys(keys, model, { looksMax: LOOKED_MAX })) {
    if (signal?.aborted === true) break;
    for (const key of page) chosen.add(key);
  }
  return chosen.items;
}

/** All keys of the model's form, page by page; a key may come more than once. */
export async function* scanKeys(
  keys: ModelKeysPort,
  model: Model,
  { looksMax = Number.POSITIVE_INFINITY }: { readonly looksMax?: number } = {},
): AsyncGenerator<readonly string[]> {
  let cursor: string | undefined;
  let looked = 0;
  do {
    const page = await keys.scan({ pattern: model.key.pattern, cursor, looked: PAGE_LOOKED });
    yield page.keys.filter((key) => model.key.parse(key) !== undefined);
    cursor = page.cursor;
    looked += PAGE_LOOKED;
  } while (cursor !== undefined && looked < looksMax);
}
