import { Redis } from "ioredis";
import mongoose from "mongoose";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { BucketStatesPort } from "../../src/store/bucket-states-port.ts";
import type { MongoOutbox } from "../../src/store/drivers/mongodb/mongo-outbox.ts";
import type { MongoStore } from "../../src/store/drivers/mongodb/mongo-store.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { encodeRow } from "../../src/store/drivers/mongodb/shadow-row.ts";
import { type Acknowledge, acknowledgeIn } from "../../src/sync/acknowledger.ts";
import { JournalLedger } from "../../src/sync/journal-ledger.ts";
import { JournalSweep, SWEEP_AGE_MS } from "../../src/sync/journal-sweep.ts";
import { OwedWords } from "../../src/sync/owed-words.ts";
import { tellOfLandingIn } from "../../src/sync/tell-of-landing.ts";
import { waitUntil } from "../support/wait-until.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { openBareCache } from "./open-bare-cache.ts";
import { commandsOf, entriesOf, inFlight } from "./payload.ts";
import { perSecond } from "./rounds.ts";

const BATCH = 500;
const BULKS_IN_FLIGHT = 4;
const WRITES_IN_FLIGHT = 100;
const DAY_MS = 24 * 3_600_000;

/** Where one round works: a database that nothing has used yet, and a Redis that it may empty. */
export interface Place {
  readonly uri: string;
  readonly redisUrl: string;
}

/** Rows per second of bare only-newer upserts: as durable, several bulks in flight, no reading back. */
export async function rawOnMongo({ uri }: Place, rows: number): Promise<number> {
  await withStore(uri, ({ store }) => store.ping());
  const client = new mongoose.mongo.MongoClient(uri, { maxPoolSize: BULKS_IN_FLIGHT });
  const database = client.db();
  try {
    const bulks = chunksOf(entriesOf(rows).map(rawUpsert), BATCH).map((updates) => ({
      update: "kvshadow",
      updates,
      ordered: false,
      writeConcern: { w: "majority", j: true },
    }));
    await Promise.all(Array.from({ length: BULKS_IN_FLIGHT }, () => database.command({ ping: 1 })));
    return await perSecond(rows, () =>
      inFlight(bulks, BULKS_IN_FLIGHT, (bulk) => database.command(bulk)),
    );
  } finally {
    await database.dropDatabase();
    await client.close();
  }
}

/** Rows per second of the projector, from an outbox that holds them all to an empty one, and Redis told of each. */
export async function outboxOnMongo(place: Place, rows: number): Promise<number> {
  return withBoth(place, async (opened) => {
    const { cache, store, outbox } = opened;
    const entries = await writeAll(cache, rows);
    for (const batch of chunksOf(entries, BATCH)) await outbox.append(batch);
    const acknowledge = acknowledgeFor(opened);
    const rate = await drainOutbox(rows, { outbox, store, acknowledge, batchSize: BATCH });
    await insistOnEmpty(cache);
    return rate;
  });
}

/** Rows per second of the sweep, from as many markers in Redis to none. */
export async function sweepOnMongo(place: Place, rows: number): Promise<number> {
  return withBoth(place, async (opened) => {
    const { cache, store, outbox } = opened;
    await writeAll(cache, rows);
    await waitUntil(async () => (await cache.countPending(SWEEP_AGE_MS)) === rows, {
      what: "the markers to be old enough for the sweep",
    });
    const sweep = new JournalSweep({
      cache,
      store,
      outbox,
      acknowledge: acknowledgeFor(opened),
      clock: systemClock,
      batchSize: BATCH,
    });
    const rate = await perSecond(rows, () => sweep.run(new AbortController().signal));
    await insistOnEmpty(cache);
    return rate;
  });
}

function acknowledgeFor(opened: Opened & { readonly cache: RedisCache }): Acknowledge {
  const owed = new OwedWords({ tell: tellOfLandingIn(opened), clock: systemClock, log: silentLog });
  return acknowledgeIn({ ...opened, ledger: new JournalLedger(), owed });
}

function rawUpsert(entry: Entry) {
  const row = encodeRow(entry, { method: "EVENT_BASED", nowMs: 0, graceMs: DAY_MS });
  const isNewer = { $lt: [{ $ifNull: ["$version", ""] }, row.version] };
  const replace = [{ $replaceWith: { $cond: [isNewer, { $literal: row }, "$$ROOT"] } }];
  return { q: { _id: row._id }, u: replace, upsert: true };
}

/** Lets Redis mint and mark all writes, as calls do that then leave the rest to the outbox or the journal. */
async function writeAll(cache: RedisCache, rows: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  await inFlight(commandsOf(rows), WRITES_IN_FLIGHT, async (command) => {
    const written = await cache.write(command);
    if (written.outcome === "written") entries.push(written.entry);
  });
  return entries;
}

/** A drain that leaves something behind would only seem fast. */
async function insistOnEmpty(cache: RedisCache): Promise<void> {
  const left = await cache.countPending(0);
  if (left > 0) throw new Error(`The drain left ${left} markers behind.`);
}

interface Opened {
  readonly store: MongoStore;
  readonly outbox: MongoOutbox;
  readonly bucketStates: BucketStatesPort;
}

async function withBoth<T>(
  { uri, redisUrl }: Place,
  work: (opened: Opened & { readonly cache: RedisCache }) => Promise<T>,
): Promise<T> {
  await flush(redisUrl);
  const cache = openBareCache(redisUrl);
  try {
    return await withStore(uri, async (opened) => {
      await cache.bindStore(await opened.store.storeId());
      const result = await work({ ...opened, cache });
      await dropDatabase(uri);
      return result;
    });
  } finally {
    await cache.close();
  }
}

async function withStore<T>(uri: string, work: (opened: Opened) => Promise<T>): Promise<T> {
  const opened = openMongo({ uri, clock: systemClock, random: systemRandom, log: silentLog });
  try {
    return await work(opened);
  } finally {
    await opened.store.close();
  }
}

async function dropDatabase(uri: string): Promise<void> {
  const client = new mongoose.mongo.MongoClient(uri);
  try {
    await client.db().dropDatabase();
  } finally {
    await client.close();
  }
}

/** A Redis that served another store would refuse this one. */
async function flush(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl);
  try {
    await client.flushall();
  } finally {
    client.disconnect();
  }
}
