import { isUtf8 } from "node:buffer";
import { chunksOf } from "../../../lib/chunks-of.ts";
import { BUCKETS } from "../../../model/bucket.ts";
import { RESERVED_PREFIX } from "../../../model/key.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { CachePage } from "../../cache-port.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { META_PREFIX, metaKey, patternOf, pendingKey } from "./redis-keys.ts";

interface ScanRequest {
  readonly prefix?: string;
  readonly cursor?: string;
  readonly limit: number;
}

/** A script holds up the server for all it asks: a tenth of a millisecond. */
const EXIST_TOGETHER = 500;

/** Where a scan goes on: in which sweep, in which bucket (markers only), and at which cursor of the server. */
export interface ScanPlace {
  readonly sweep: "m" | "v" | "p";
  readonly bucket: number;
  readonly at: string;
}

/**
 * One page of three sweeps, one after the other: keys that have meta, then values without meta, then markers with neither. Each
 * key belongs to one of them, so a scan sees it once unless it moves meanwhile (or SCAN itself repeats it). The cursor
 * is the sweep's letter and the server's own cursor: "m:17", "v:0", "p:3:120".
 */
export async function scanPage(
  connection: RedisConnection,
  request: ScanRequest,
): Promise<CachePage> {
  const place = parseCursor(request.cursor);
  switch (place.sweep) {
    case "m":
      return scanMetas(connection, place, request);
    case "v":
      return scanValues(connection, place, request);
    case "p":
      return scanMarkers(connection, place, request);
  }
}

async function scanMetas(
  connection: RedisConnection,
  { at }: ScanPlace,
  { prefix = "", limit }: ScanRequest,
): Promise<CachePage> {
  const [next, found] = await connection.command("scan", (client) =>
    client.scanBuffer(at, "MATCH", patternOf(META_PREFIX + prefix), "COUNT", limit),
  );
  return {
    keys: texts(found).map((key) => key.slice(META_PREFIX.length)),
    cursor: String(next) === "0" ? "v:0" : `m:${String(next)}`,
  };
}

async function scanValues(
  connection: RedisConnection,
  { at }: ScanPlace,
  { prefix = "", limit }: ScanRequest,
): Promise<CachePage> {
  const [next, found] = await connection.command("scan", (client) =>
    client.scanBuffer(at, "MATCH", patternOf(prefix), "COUNT", limit),
  );
  const own = texts(found).filter((key) => !key.startsWith(RESERVED_PREFIX));
  const hasMeta = await exist(connection, own.map(metaKey));
  return {
    keys: own.filter((_, i) => hasMeta[i] === false),
    cursor: String(next) === "0" ? "p:0:0" : `v:${String(next)}`,
  };
}

async function scanMarkers(
  connection: RedisConnection,
  { bucket, at }: ScanPlace,
  { prefix = "", limit }: ScanRequest,
): Promise<CachePage> {
  const [next, flat] = await connection.command("scan", (client) =>
    client.zscan(pendingKey(bucket), at, "MATCH", patternOf(prefix), "COUNT", limit),
  );
  const members = flat.filter((_, i) => i % 2 === 0);
  const [hasMeta, hasValue] = await Promise.all([
    exist(connection, members.map(metaKey)),
    exist(connection, members),
  ]);
  const keys = members.filter((_, i) => hasMeta[i] === false && hasValue[i] === false);
  if (next !== "0") return { keys, cursor: `p:${bucket}:${next}` };
  return { keys, cursor: bucket + 1 < BUCKETS ? `p:${bucket + 1}:0` : undefined };
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

/** Which of the keys are there, in the order asked. */
export async function exist(
  connection: RedisConnection,
  keys: readonly string[],
): Promise<boolean[]> {
  const answers = await Promise.all(
    chunksOf(keys, EXIST_TOGETHER).map((some) => connection.evalsha("exist", some, [])),
  );
  return answers.flatMap(([, ...found]) => found.map((one) => one === 1));
}
