import { contentHash } from "../../src/model/content-hash.ts";
import type { Entry } from "../../src/model/entry.ts";
import { FIRST_EPOCH, formatVersion } from "../../src/model/version.ts";
import type { SetCommand } from "../../src/model/write-command.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const SEED = 4;

/** Some base of versions; only their order means anything here. */
const FIRST_SEQ = 1_750_000_000_000_000;

/** 22 bytes each, as keys of sessions and records often are. */
export function keyOf(index: number): string {
  return `session:${String(index).padStart(8, "0")}:state`;
}

/** Writes of `count` different keys with values of `valueBytes` (200 in the usual mix), the same on each call. */
export function commandsOf(count: number, valueBytes?: number): SetCommand[] {
  return commandsFrom(new SeededRandom(SEED), 0, count, valueBytes);
}

/** Writes of `count` keys from the `first` on, with values of their own. */
export function commandsFrom(
  random: SeededRandom,
  first: number,
  count: number,
  valueBytes = 200,
): SetCommand[] {
  return Array.from({ length: count }, (_, index) => {
    const value = valueOf(random, valueBytes);
    return {
      op: "set",
      key: keyOf(first + index),
      value,
      hash: contentHash(value),
      ttlMs: null,
      sessionId: null,
      interactionId: null,
    };
  });
}

/** The same as entries whose versions were minted elsewhere. */
export function entriesOf(count: number): Entry[] {
  return commandsOf(count).map(({ op: _op, ttlMs: _ttl, ...command }, index) => ({
    ...command,
    version: formatVersion(FIRST_EPOCH, FIRST_SEQ + index),
    expiresAtMs: null,
  }));
}

/** JSON of exactly so many bytes; hex, so that no store can compress it to nothing. */
export function valueOf(random: SeededRandom, bytes: number): string {
  const frame = JSON.stringify({ body: "" }).length;
  return JSON.stringify({
    body: random.hex(Math.ceil((bytes - frame) / 2)).slice(0, bytes - frame),
  });
}

/** Does `work` for every item, `width` of them at once. */
export async function inFlight<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
