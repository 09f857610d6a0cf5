import type { mongo } from "mongoose";
import type { Clock } from "../../../lib/clock.ts";
import {
  type KeptRecord,
  type NewRecord,
  RECORDS_MAX,
  type RecordsPage,
  type RecordsPort,
} from "../../records-port.ts";
import { eachBulk, sendBulk, toBulks } from "./bulk.ts";
import { RECORDS, type RecordDocument, recordsOf } from "./collections.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { isDuplicateKey } from "./mongo-errors.ts";
import { afterOwnWrites } from "./write-times.ts";

/** Two upserts of a new record that meet do so at most once. */
const ATTEMPTS_MAX = 3;

/** From the newest on. */
const ORDER = { at: -1, "_id.id": -1 } as const;

/** One document for each; the server removes what has expired within about a minute, and until then it is passed over. */
export class MongoRecords implements RecordsPort {
  readonly #connection: MongoConnection;
  readonly #clock: Clock;

  constructor({
    connection,
    clock,
  }: {
    readonly connection: MongoConnection;
    readonly clock: Clock;
  }) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async put(records: readonly NewRecord[]): Promise<void> {
    const bulks = toBulks(
      records.map((record) => ({
        q: { _id: idOf(record) },
        u: [{ $set: { ...literally(fieldsOf(record)), revision: this.#nextRevision() } }],
        upsert: true,
        bytes: Buffer.byteLength(record.id) + Buffer.byteLength(JSON.stringify(record.body)),
      })),
      ({ bytes }) => bytes,
    );
    await eachBulk(bulks, (bulk) =>
      this.#connection.callOnce("keep records", async (database) => {
        const updates = bulk.map(({ q, u, upsert }) => ({ q, u, upsert }));
        for (let attempt = 1; ; attempt += 1) {
          try {
            await sendBulk(database, { update: RECORDS, updates });
            return;
          } catch (error) {
            if (attempt === ATTEMPTS_MAX || !isDuplicateKey(error)) throw error;
          }
        }
      }),
    );
  }

  async replace(record: NewRecord, revision: number): Promise<boolean> {
    const _id = idOf(record);
    const u = { $set: { ...fieldsOf(record), revision: revision + 1 } };
    // A new one: what is there does not match, and its `_id` then refuses the upsert.
    const update =
      revision === 0
        ? { q: { _id, expiresAt: { $lte: this.#now() } }, u, upsert: true }
        : { q: { _id, revision, ...this.#isThere() }, u };
    return this.#connection.callOnce("replace a record", async (database) => {
      try {
        const command = { update: RECORDS, updates: [update] };
        return (await sendBulk<{ readonly n: number }>(database, command)).n === 1;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });
  }

  async get(kind: string, id: string): Promise<KeptRecord | undefined> {
    const found = await this.#connection.call("read a record", (database) =>
      recordsOf(database).findOne(
        { _id: idOf({ kind, id }), ...this.#isThere() },
        readingOwnWrites(database),
      ),
    );
    return found === null ? undefined : toRecord(found);
  }

  async list(kind: string, { group, before, limit }: RecordsPage): Promise<readonly KeptRecord[]> {
    if (limit <= 0) return [];
    const isBefore =
      before === undefined
        ? []
        : [
            {
              $or: [
                { at: { $lt: new Date(before.atMs) } },
                { at: new Date(before.atMs), "_id.id": { $lt: before.id } },
              ],
            },
          ];
    const filter = { ...within(kind, group), $and: [this.#isThere(), ...isBefore] };
    const found = await this.#connection.call("list records", (database) =>
      recordsOf(database)
        .find(filter, readingOwnWrites(database))
        .sort(ORDER)
        .limit(Math.min(limit, RECORDS_MAX))
        .toArray(),
    );
    return found.map(toRecord);
  }

  async remove(kind: string, id: string): Promise<boolean> {
    const q = { _id: idOf({ kind, id }), ...this.#isThere() };
    return (await this.#delete("remove a record", q)) === 1;
  }

  async trim(
    kind: string,
    { group, keep }: { readonly group?: string; readonly keep: number },
  ): Promise<number> {
    const last = await this.#connection.call("look for old records", (database) =>
      recordsOf(database)
        .find({ ...within(kind, group), ...this.#isThere() }, readingOwnWrites(database))
        .project<Pick<RecordDocument, "_id" | "at">>({ at: 1 })
        .sort(ORDER)
        .skip(keep)
        .limit(1)
        .next(),
    );
    if (last === null) return 0;
    const { at, _id } = last;
    const isOld = [{ at: { $lt: at } }, { at, "_id.id": { $lte: _id.id } }];
    return this.#delete("remove old records", {
      ...within(kind, group),
      $and: [this.#isThere(), { $or: isOld }],
    });
  }

  #delete(action: string, q: mongo.Document): Promise<number> {
    return this.#connection.callOnce(action, async (database) => {
      const command = { delete: RECORDS, deletes: [{ q, limit: 0 }] };
      return (await sendBulk<{ readonly n: number }>(database, command)).n;
    });
  }

  #now(): Date {
    return new Date(this.#clock.nowMs());
  }

  #isThere(): mongo.Document {
    return { $or: [{ expiresAt: null }, { expiresAt: { $gt: this.#now() } }] };
  }

  #nextRevision(): mongo.Document {
    const isExpired = {
      $and: [{ $eq: [{ $type: "$expiresAt" }, "date"] }, { $lte: ["$expiresAt", this.#now()] }],
    };
    return { $cond: [isExpired, 1, { $add: [{ $ifNull: ["$revision", 0] }, 1] }] };
  }
}

function idOf({ kind, id }: Pick<KeptRecord, "kind" | "id">): RecordDocument["_id"] {
  return { kind, id };
}

function within(kind: string, group: string | undefined): mongo.Document {
  return { "_id.kind": kind, ...(group === undefined ? {} : { group }) };
}

function fieldsOf({ group, atMs, expiresAtMs, body }: NewRecord) {
  return {
    group,
    at: new Date(atMs),
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs),
    body: JSON.stringify(body),
  };
}

/** In a pipeline, a text that begins with a dollar sign would name a field. */
function literally(fields: Readonly<Record<string, unknown>>): mongo.Document {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { $literal: value }]),
  );
}

function readingOwnWrites(database: mongo.Db) {
  return { readConcern: afterOwnWrites(database) as mongo.ReadConcernLike };
}

function toRecord(document: RecordDocument): KeptRecord {
  return {
    kind: document._id.kind,
    id: document._id.id,
    group: document.group,
    atMs: document.at.getTime(),
    expiresAtMs: document.expiresAt?.getTime() ?? null,
    revision: document.revision,
    body: JSON.parse(document.body) as KeptRecord["body"],
  };
}
