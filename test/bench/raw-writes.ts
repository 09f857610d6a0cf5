import { Redis } from "ioredis";
import { incarnationOf } from "../../src/cache/drivers/redis/incarnation.ts";
import { sideKeys } from "../../src/cache/drivers/redis/redis-keys.ts";
import { parseInfo } from "../../src/cache/drivers/redis/redis-policy.ts";
import { writeArgs } from "../../src/cache/drivers/redis/write-call.ts";
import { BUCKETS } from "../../src/model/bucket.ts";
import { contentHash } from "../../src/model/content-hash.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import { openBareCache } from "./open-bare-cache.ts";
import { commandsOf } from "./payload.ts";

/** One call of the write script, as the driver sends it. */
export type RawWrite = readonly (string | Buffer)[];

/** The calls for writes of these keys, made beforehand: what remains is the client and Redis. */
export function rawWrites(
  { sha, storeId }: Pick<BareRedis, "sha" | "storeId">,
  writes: readonly { readonly key: string; readonly value: string }[],
): RawWrite[] {
  return writes.map(({ key, value }) => {
    const { meta, state, pending, lease } = sideKeys(key);
    const keys = [key, meta, state, pending, lease];
    const command = {
      op: "set",
      key,
      value,
      hash: contentHash(value),
      ttlMs: null,
      sessionId: null,
      interactionId: null,
    } as const;
    return [sha, "5", ...keys, storeId, ...writeArgs(command, true, undefined)];
  });
}

/** Fails unless the script wrote: one that is refused would only seem fast. */
export async function sendRaw(client: Redis, write: RawWrite): Promise<void> {
  const [status] = (await client.callBuffer("EVALSHA", ...write)) as [Buffer];
  if (String(status) !== "WRITTEN") throw new Error(`The write script answered ${String(status)}.`);
}

export interface BareRedis {
  readonly client: Redis;
  /** Of the write script as this server knows it. */
  readonly sha: string;
  readonly storeId: string;
  close(): Promise<void>;
}

/** A Redis that takes the write script and that no server works on: no sweep and no delivery is measured with it. */
export async function startBareRedis(): Promise<BareRedis> {
  const server = await startRedis();
  const storeId = "bench";
  const client = new Redis(server.url);
  const cache = openBareCache(server.url);
  await cache.bindStore(storeId);
  // A bucket is opened by the first write that meets it; so many keys meet them all.
  for (const command of commandsOf(20 * BUCKETS)) await cache.write(command);
  const { write } = incarnationOf(parseInfo(await client.info())).scripts;
  await client.script("LOAD", write.text);
  return {
    client,
    sha: write.sha,
    storeId,
    async close() {
      client.disconnect();
      await cache.close();
      await server.close();
    },
  };
}
