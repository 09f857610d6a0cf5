import mongoose from "mongoose";
import { openRedis } from "../../src/cache/drivers/redis/open-redis.ts";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { contentHash } from "../../src/model/content-hash.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { SetCommand } from "../../src/model/write-command.ts";
import { shadowOf } from "../../src/store/drivers/mongodb/collections.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { encodeRow } from "../../src/store/drivers/mongodb/shadow-row.ts";
import { recoveringAtOnce } from "../support/recover-at-once.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { Place } from "./drain-mongo.ts";
import { inFlight, keyOf, valueOf } from "./payload.ts";

const DAY_MS = 24 * 3_600_000;
const TOGETHER = 10_000;
const WRITES_IN_FLIGHT = 500;
const VALUE_BYTES = 200;

/**
 * Puts so many keys into an empty place, each in step: written and acknowledged through the cache's driver, their rows
 * inserted as the store's driver encodes them. A tenth of the time that calls would take.
 */
export async function fillPlace({ uri, redisUrl }: Place, keys: number): Promise<void> {
  const cache = recoveringAtOnce(
    openRedis({
      url: redisUrl,
      commandTimeoutMs: 10_000,
      residencyMs: undefined,
      graceMs: DAY_MS,
      random: systemRandom,
      log: silentLog,
    }),
  );
  const { store } = openMongo({ uri, clock: systemClock, random: systemRandom, log: silentLog });
  const client = new mongoose.mongo.MongoClient(uri);
  const random = new SeededRandom(6);
  try {
    await cache.bindStore(await store.storeId());
    for (let first = 0; first < keys; first += TOGETHER) {
      const commands = commandsFrom(first, Math.min(TOGETHER, keys - first), random);
      const entries: Entry[] = [];
      await inFlight(commands, WRITES_IN_FLIGHT, async (command) => {
        const written = await cache.write(command);
        if (written.outcome === "written") entries.push(written.entry);
      });
      const rows = entries.map((entry) =>
        encodeRow(entry, { method: "ASYNC_THREAD", nowMs: systemClock.nowMs(), graceMs: DAY_MS }),
      );
      await shadowOf(client.db()).insertMany(rows, { ordered: false });
      for (const some of chunksOf(entries, 500)) await cache.acknowledge(some);
    }
  } finally {
    await client.close();
    await store.close();
    await cache.close();
  }
}

function commandsFrom(first: number, count: number, random: SeededRandom): SetCommand[] {
  return Array.from({ length: count }, (_, index) => {
    const value = valueOf(random, VALUE_BYTES);
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
