import type { mongo } from "mongoose";
import type { Clock } from "../../../lib/clock.ts";
import { formatVersion, type Version } from "../../../model/version.ts";
import type { PurgedPage, PurgeLimits, PurgePage, PurgePort } from "../../purge-port.ts";
import { EPOCH, idOf } from "./bucket-document.ts";
import { sendBulk, toBulks } from "./bulk.ts";
import { outboxOf, SHADOW, STATE, shadowOf } from "./collections.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { ROW_VERSION } from "./shadow-row.ts";

/** What a version is, for a filter: rows that another hand has spoilt are left to a verification. */
const VERSION_PATTERN = "^[0-9]{24}\\z";

interface DueRow {
  readonly _id: string;
  readonly version: Version;
  readonly bucket: number;
  readonly purgeAt: Date;
}

/** Looks, records, and deletes what still has the version that was seen: one command each, each with a majority. */
export class MongoPurge implements PurgePort {
  readonly #connection: MongoConnection;
  readonly #clock: Clock;

  constructor(options: { readonly connection: MongoConnection; readonly clock: Clock }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
  }

  async oldestEvents(buckets: readonly number[]): Promise<readonly (Version | undefined)[]> {
    return this.#connection.call("look for the oldest events", (database) =>
      Promise.all(buckets.map((bucket) => oldestEvent(database, bucket))),
    );
  }

  async purge({ within, limit, cursor = "0" }: PurgePage): Promise<PurgedPage> {
    // To MongoDB, a limit of 0 is none at all.
    if (within.length === 0 || limit <= 0) return { purged: 0, cursor: undefined };
    return this.#connection.call("purge rows", async (database) => {
      const due = await this.#due(database, { within, limit, fromMs: Number(cursor) });
      await record(database, due);
      const purged = await forget(database, due);
      const last = due.at(-1);
      // What was purged is gone and what is held back is not found, so the page can begin where the last one ended. Without
      // any progress there, the rows are changing under us, and come again with the next purge.
      const isEnd = last === undefined || due.length < limit || purged === 0;
      return { purged, cursor: isEnd ? undefined : String(last.purgeAt.getTime()) };
    });
  }

  #due(
    database: mongo.Db,
    { within, limit, fromMs }: { within: readonly PurgeLimits[]; limit: number; fromMs: number },
  ): Promise<DueRow[]> {
    // Both clocks must agree: this one's bounds the index, the server's is the one that all processes share.
    const now = new Date(this.#clock.nowMs());
    const filter = {
      purgeAt: { $gte: new Date(fromMs), $lte: now },
      version: { $regex: VERSION_PATTERN },
      $and: [
        { $expr: { $lte: ["$purgeAt", "$$NOW"] } },
        { $or: [{ deleted: true }, { expiresAt: { $lte: now } }] },
        { $or: within.map(filterOf) },
      ],
    };
    return shadowOf(database)
      .find(filter, {
        projection: { version: 1, bucket: 1, purgeAt: 1 },
        sort: { purgeAt: 1 },
        hint: { purgeAt: 1 },
        limit,
        batchSize: limit,
      })
      .toArray() as unknown as Promise<DueRow[]>;
  }
}

function filterOf({ bucket, belowVersion, belowSeq }: PurgeLimits): mongo.Document {
  const rowSeq = { $substrBytes: [ROW_VERSION, 8, 16] };
  return {
    bucket,
    ...(belowVersion === undefined ? {} : { version: { $lt: belowVersion } }),
    ...(belowSeq === undefined
      ? {}
      : { $expr: { $lt: [rowSeq, formatVersion(0, belowSeq).slice(8)] } }),
  };
}

async function oldestEvent(database: mongo.Db, bucket: number): Promise<Version | undefined> {
  const event = await outboxOf(database).findOne(
    { "payload.bucket": bucket, "payload.version": { $gte: "0" } },
    { projection: { "payload.version": 1 }, sort: { "payload.version": 1 } },
  );
  return event?.payload.version;
}

/** Durable before anything goes: a cache that has lost state since must know that absence may mean purged. */
async function record(database: mongo.Db, rows: readonly DueRow[]): Promise<void> {
  const highest = new Map<number, Version>();
  for (const { bucket, version } of rows) {
    if (version > (highest.get(bucket) ?? "")) highest.set(bucket, version);
  }
  if (highest.size === 0) return;
  const updates = Array.from(highest, ([bucket, version]) => ({
    q: { _id: idOf(bucket) },
    u: [{ $set: { epoch: EPOCH, highestPurged: { $max: ["$highestPurged", version] } } }],
    upsert: true,
  }));
  await sendBulk(database, { update: STATE, updates });
}

async function forget(database: mongo.Db, rows: readonly DueRow[]): Promise<number> {
  let purged = 0;
  for (const bulk of toBulks(rows, ({ _id }) => Buffer.byteLength(_id))) {
    const deletes = bulk.map(({ _id, version }) => ({ q: { _id, version }, limit: 1 }));
    const { n } = await sendBulk<{ readonly n: number }>(database, { delete: SHADOW, deletes });
    purged += n;
  }
  return purged;
}
