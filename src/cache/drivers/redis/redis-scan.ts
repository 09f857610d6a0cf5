import type { Redis } from "ioredis";
import { BUCKETS } from "../../../model/bucket.ts";
import { RESERVED_PREFIX } from "../../../model/key.ts";
import type { CachePage } from "../../cache-port.ts";
import { META_PREFIX, metaKey, patternOf, pendingKey } from "./redis-keys.ts";

/**
 * Three sweeps, one after the other: keys that have meta, then values without meta, then markers with neither. Each
 * key belongs to one of them, so a scan sees it once unless it moves meanwhile (or SCAN itself repeats it). The cursor
 * is the sweep's letter and the server's own cursor: "m:17", "v:0", "p:3:120".
 */
export async function scanUserKeys(
  client: Redis,
  { prefix = "", cursor = "m:0", limit }: { prefix?: string; cursor?: string; limit: number },
): Promise<CachePage> {
  const [sweep, at = "0", member = "0"] = cursor.split(":");
  switch (sweep) {
    case "m": {
      const [next, found] = await client.scan(
        at,
        "MATCH",
        patternOf(META_PREFIX + prefix),
        "COUNT",
        limit,
      );
      return {
        keys: found.map((key) => key.slice(META_PREFIX.length)),
        cursor: next === "0" ? "v:0" : `m:${next}`,
      };
    }
    case "v": {
      const [next, found] = await client.scan(at, "MATCH", patternOf(prefix), "COUNT", limit);
      const own = found.filter((key) => !key.startsWith(RESERVED_PREFIX));
      const hasMeta = await exist(client, own.map(metaKey));
      return {
        keys: own.filter((_, i) => hasMeta[i] === false),
        cursor: next === "0" ? "p:0:0" : `v:${next}`,
      };
    }
    default: {
      const bucket = Number(at);
      const [next, flat] = await client.zscan(
        pendingKey(bucket),
        member,
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

function exist(client: Redis, keys: readonly string[]): Promise<boolean[]> {
  return Promise.all(keys.map(async (key) => (await client.exists(key)) === 1));
}
