import { chunksOf } from "../../../lib/chunks-of.ts";

/** One `$in` stays far below the 16 MB that a command may have, also with keys of 1 kB. */
const KEYS_PER_QUERY = 1_000;

/** The keys, each once, as many together as one query may name. */
export function keyBatches(keys: readonly string[]): readonly (readonly string[])[] {
  return chunksOf([...new Set(keys)], KEYS_PER_QUERY);
}

/**
 * Lookups of single keys that are under way at once, of one kind, and how many keys share one. A few dozen callers with a
 * question each would take all connections, and writes would wait behind them.
 */
export const LOOKUPS_AT_ONCE = 2;
export const KEYS_PER_LOOKUP = 100;
