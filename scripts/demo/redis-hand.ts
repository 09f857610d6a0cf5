import { Redis } from "ioredis";
import { leaseKey, metaKey, sideKeys, stateKey } from "../../src/cache/drivers/redis/redis-keys.ts";
import { BUCKETS } from "../../src/model/bucket.ts";
import { CannotRun } from "./cannot-run.ts";
import type { OutsideHand } from "./outside-hand.ts";

const KEYS_AT_ONCE = 500;

/** What ties a Redis to its store. */
const STATES = Array.from({ length: BUCKETS }, (_, bucket) => stateKey(bucket));

/** Says that the Redis was tied by a demonstration, which another one can then undo should this one be killed. */
const MARK = "demo:tied-by-demo";

export async function openRedisHand(url: string): Promise<OutsideHand> {
  const client = await connected(url);
  return {
    async countStanding(keys) {
      let standing = 0;
      for (const some of groupsOf(keys)) {
        standing += await client.exists(...some, ...some.map(metaKey));
      }
      return standing;
    },
    async begin() {
      if ((await client.exists(...STATES)) === 0) await client.set(MARK, "see npm run demo");
    },
    async overwrite(key, value) {
      await client.set(key, value);
    },
    async remove(keys) {
      for (const some of groupsOf(keys)) {
        const removal = client.pipeline();
        removal.unlink(...some, ...some.map(metaKey), ...some.map(leaseKey));
        for (const key of some) removal.zrem(sideKeys(key).pending, key);
        await removal.exec();
      }
      if ((await client.exists(MARK)) === 1) await client.unlink(...STATES, MARK);
    },
    async close() {
      client.disconnect();
    },
  };
}

async function connected(url: string): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  let trouble = "the connection was closed";
  client.on("error", (error: Error) => {
    trouble = error.message;
  });
  try {
    await client.connect();
    return client;
  } catch {
    // The client's own error only says that there is no connection.
    throw new CannotRun(`Redis does not answer: ${trouble}.`);
  }
}

function groupsOf(keys: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
    groups.push(keys.slice(start, start + KEYS_AT_ONCE));
  }
  return groups;
}
