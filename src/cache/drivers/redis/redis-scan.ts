import { isUtf8 } from "node:buffer";
import type { Redis } from "ioredis";
import { BUCKETS } from "../../../model/bucket.ts";
import { RESERVED_PREFIX } from "../../../model/key.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { CachePage } from "../../cache-port.ts";
import { META_PREFIX, metaKey, patternOf, pendingKey } from "./redis-keys.ts";

/** Where a scan goes on: in which sweep, in which bucket (markers only), and at which cursor of the server. */
export interface ScanPlace {
  readonly sweep: "m" | "v" | "p";
  readonly bucket: number;
  readonly at: string;
}

/**
 * Three sweeps, one after the other: keys that have meta, then values without meta, then markers with neither. Each
 * key belongs to one of them, so a scan sees it once unless it moves meanwhile (or SCAN itself repeats it). The cursor
 * is the sweep's letter and the server's own cursor: "m:17", "v:0", "p:3:120".
 */
export async function scanUserKeys(
  client: Redis,
  { sweep, bucket, at }: ScanPlace,
  { prefix = "", limit }: { prefix?: string; limit: number },
): Promise<CachePage> {
  switch (sweep) {
    case "m": {
      const [next, found] = await client.scanBuffer(
        at,
        "MATCH",
        patternOf(META_PREFIX + prefix),
        "COUNT",
        limit,
      );
      return {
        keys: texts(found).map((key) => key.slice(META_PREFIX.length)),
        cursor: String(next) === "0" ? "v:0" : `m:${String(next)}`,
      };
    }
    case "v": {
      const [next, found] = await client.scanBuffer(at, "MATCH", patternOf(prefix), "COUNT", limit);
      const own = texts(found).filter((key) => !key.startsWith(RESERVED_PREFIX));
      const hasMeta = await exist(client, own.map(metaKey));
      return {
        keys: own.filter((_, i) => hasMeta[i] === false),
        cursor: String(next) === "0" ? "p:0:0" : `v:${String(next)}`,
      };
    }
    case "p": {
      const [next, flat] = await client.zscan(
        pendingKey(bucket),
        at,
        "MATCH",
        patternOf(prefix),
        "COUNT",
        limit,
      );
      const members = flat.filter((_, i) => i % 2 === 0);
      const hasMeta = await exist(client, members.map(metaKey));
      const hasValue = await exist(client, members);
      const keys = members.filter((_, i) => hasMeta[i] === false && hasValue[i] === false);
      if (next !== "0") return { keys, cursor: `p:${bucket}:${next}` };
      return { keys, cursor: bucket + 1 < BUCKETS ? `p:${bucket + 1}:0` : undefined };
    }
  }
}

/** Where a page begins. Error: INPUT_INVALID for a cursor that no scan has given. */
export function parseCursor(cursor = "m:0"): ScanPlace {
  const [, keySweep, keyAt, bucket, memberAt] =
    /^(?:([mv]):(\d{1,20})|p:(\d{1,2}):(\d{1,20}))$/.exec(cursor) ?? [];
  if (keySweep !== undefined && keyAt !== undefined) {
    return { sweep: keySweep === "m" ? "m" : "v", bucket: 0, at: keyAt };
  }
  if (memberAt === undefined || Number(bucket) >= BUCKETS) {
    throw new LockstepError("INPUT_INVALID", "The cursor is not one that this scan has given.");
  }
  return { sweep: "p", bucket: Number(bucket), at: memberAt };
}

/** Keys of other programs that are no text have no name here by which anybody could ask for them. */
function texts(found: readonly Buffer[]): string[] {
  return found.filter((key) => isUtf8(key)).map(String);
}

function exist(client: Redis, keys: readonly string[]): Promise<boolean[]> {
  return Promise.all(keys.map(async (key) => (await client.exists(key)) === 1));
}
