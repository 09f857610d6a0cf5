import mongoose from "mongoose";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { Entry } from "../../src/model/entry.ts";
import { shadowOf } from "../../src/store/drivers/mongodb/collections.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { encodeRow } from "../../src/store/drivers/mongodb/shadow-row.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { Place } from "./drain-mongo.ts";
import { openBareCache } from "./open-bare-cache.ts";
import { commandsFrom, inFlight } from "./payload.ts";

const DAY_MS = 24 * 3_600_000;
const TOGETHER = 10_000;
const WRITES_IN_FLIGHT = 500;

/**
 * Puts so many keys into an empty place, each in step: written and acknowledged through the cache's driver, their rows
 * inserted as the store's driver encodes them. A tenth of the time that calls would take.
 */
export async function fillPlace({ uri, redisUrl }: Place, keys: number): Promise<void> {
  const cache = openBareCache(redisUrl);
  const { store } = openMongo({ uri, clock: systemClock, random: systemRandom, log: silentLog });
  const client = new mongoose.mongo.MongoClient(uri);
  const random = new SeededRandom(6);
  try {
    await cache.bindStore(await store.storeId());
    for (let first = 0; first < keys; first += TOGETHER) {
      const commands = commandsFrom(random, first, Math.min(TOGETHER, keys - first));
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
