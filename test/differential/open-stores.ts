import { setTimeout as delay } from "node:timers/promises";
import type mongoose from "mongoose";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { WRITTEN_MS } from "../contract/entries.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openMemorySqlite } from "../support/memory-sqlite.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { OpenedStore } from "./store-subject.ts";

const DAY_MS = 24 * 3_600_000;

/** A database of its own, which ends with the stream. */
export async function openSqliteSubject(seed: number): Promise<OpenedStore> {
  const clock = new ManualClock({ nowMs: WRITTEN_MS + DAY_MS });
  const opened = await openMemorySqlite({ clock, random: new SeededRandom(seed) });
  return {
    ...opened,
    nowMs: () => clock.nowMs(),
    elapse: (ms) => clock.advance(ms),
    close: () => opened.store.close(),
  };
}

/** The database that this URI names, emptied: making collections and indexes anew would take longer than a stream. */
export async function openMongoSubject(
  uri: string,
  emptier: mongoose.mongo.Db,
): Promise<OpenedStore> {
  await emptyDatabase(emptier);
  const opened = openMongo({ uri, clock: systemClock, random: systemRandom, log: silentLog });
  return {
    ...opened,
    nowMs: () => systemClock.nowMs(),
    // Leases run on the server's clock, which no test can move.
    elapse: (ms) => delay(ms),
    close: () => opened.store.close(),
  };
}

/** As a new store would be, but for its name, its collections and their indexes. */
export async function emptyDatabase(database: mongoose.mongo.Db): Promise<void> {
  for (const collection of await database.collections()) {
    await collection.deleteMany({ storeId: { $exists: false } });
  }
}
