import { isUtf8 } from "node:buffer";
import type { Random } from "../../../lib/random.ts";
import { Reservoir } from "../../../lib/reservoir.ts";
import { RESERVED_PREFIX } from "../../../model/key.ts";
import type { CacheSample } from "../../cache-port.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { META_PREFIX, metaKey } from "./redis-keys.ts";
import { exist, scanPage } from "./redis-scan.ts";

interface SampleRequest {
  readonly prefix?: string;
  readonly size: number;
  readonly random: Random;
}

const DRAWS_TOGETHER = 500;

/** A key that is passed by a SCAN costs about a tenth of one that is drawn: below that, all are passed. */
const SCAN_COUNT = 1000;
const SCANNED_PER_DRAWN = 10;

/** After so many draws for each key that is wanted, most of this Redis is not ours, and what was found is the sample. */
const DRAWS_PER_KEY_MAX = 20;

/**
 * Where the server holds far more than is wanted, keys are drawn by its own RANDOMKEY; else, and under a prefix, which
 * RANDOMKEY does not know, all of them pass by, and each is kept with the same chance.
 */
export async function sampleUserKeys(
  connection: RedisConnection,
  request: SampleRequest,
): Promise<CacheSample> {
  const held = await connection.command("dbsize", (client) => client.dbsize());
  const isDrawn = (request.prefix ?? "") === "" && held > request.size * SCANNED_PER_DRAWN;
  return isDrawn ? draw(connection, request.size, held) : passAll(connection, request);
}

async function passAll(
  connection: RedisConnection,
  { prefix = "", size, random }: SampleRequest,
): Promise<CacheSample> {
  const chosen = new Reservoir<string>(size, random);
  let cursor: string | undefined;
  do {
    const page = await scanPage(connection, {
      prefix,
      limit: SCAN_COUNT,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const key of page.keys) chosen.add(key);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { keys: chosen.items, total: chosen.seen };
}

async function draw(connection: RedisConnection, size: number, held: number): Promise<CacheSample> {
  const keys = new Set<string>();
  let drawn = 0;
  let ours = 0;
  while (keys.size < size && drawn < size * DRAWS_PER_KEY_MAX) {
    const names = await connection.command("randomkey", (client) =>
      Promise.all(Array.from({ length: DRAWS_TOGETHER }, () => client.callBuffer("RANDOMKEY"))),
    );
    drawn += names.length;
    const found = await userKeysAmong(connection, names as (Buffer | null)[]);
    ours += found.length;
    for (const key of found) if (keys.size < size) keys.add(key);
  }
  return { keys: [...keys], total: Math.max(keys.size, Math.round((held * ours) / drawn)) };
}

/**
 * A user key has up to two names here, its own and its meta's. One that has both counts only where the meta was drawn;
 * or it would be drawn twice as often as the others. In the order in which they were drawn, as the first ones are taken.
 */
async function userKeysAmong(
  connection: RedisConnection,
  names: readonly (Buffer | null)[],
): Promise<readonly string[]> {
  const drawn = names
    .filter((name) => name !== null && isUtf8(name))
    .map(String)
    .filter((name) => name.startsWith(META_PREFIX) || !name.startsWith(RESERVED_PREFIX));
  const byValue = drawn.filter((name) => !name.startsWith(META_PREFIX));
  const hasMeta = await exist(connection, byValue.map(metaKey));
  const withMeta = new Set(byValue.filter((_, i) => hasMeta[i] === true));
  return drawn
    .filter((name) => !withMeta.has(name))
    .map((name) => (name.startsWith(META_PREFIX) ? name.slice(META_PREFIX.length) : name));
}
