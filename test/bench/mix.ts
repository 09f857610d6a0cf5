import { SeededRandom } from "../support/seeded-random.ts";
import { keyOf, valueOf } from "./payload.ts";
import { Zipf } from "./zipf.ts";

export const MIX_KEYS = 100_000;
const WRITE_SHARE = 0.3;
const VALUE_BYTES = 200;

/** Enough that no store or client can remember them all, and made beforehand, so that their making is not measured. */
const VALUES = 1_000;

export interface MixedOperation {
  readonly op: "set" | "get";
  readonly key: string;
  /** Of a read: a value that nobody uses. */
  readonly value: string;
}

export interface MixOptions {
  readonly seed: number;
  readonly keys?: number;
  /** How much of it writes; 0.3 in the usual mix. */
  readonly writeShare?: number;
}

/** `count` operations of the usual mix: 200-byte values, 70 % reads, Zipf 0.99 over 100,000 keys. The same on each call. */
export function mixOf(
  count: number,
  { seed, keys = MIX_KEYS, writeShare = WRITE_SHARE }: MixOptions,
): MixedOperation[] {
  const random = new SeededRandom(seed);
  const zipf = new Zipf(random, keys);
  const values = Array.from({ length: VALUES }, () => valueOf(random, VALUE_BYTES));
  return Array.from({ length: count }, (_, index) => ({
    op: random.fraction() < writeShare ? "set" : "get",
    key: keyOf(zipf.draw()),
    value: values[index % VALUES]!,
  }));
}
