import { chunksOf } from "../../../lib/chunks-of.ts";

/** One `$in` stays far below the 16 MB that a command may have, also with keys of 1 kB. */
const KEYS_PER_QUERY = 1_000;

/** The keys, as many together as one query may name. */
export function keyBatches(keys: readonly string[]): readonly (readonly string[])[] {
  return chunksOf(keys, KEYS_PER_QUERY);
}
