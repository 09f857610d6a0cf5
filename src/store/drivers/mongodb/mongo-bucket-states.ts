import type { mongo } from "mongoose";
import { FIRST_EPOCH, isVersion, type Version } from "../../../model/version.ts";
import type {
  BucketState,
  BucketStatesPort,
  RowsAbovePage,
  RowVersion,
} from "../../bucket-states-port.ts";
import { EPOCH, idOf } from "./bucket-document.ts";
import { SHADOW, STATE } from "./collections.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { isDuplicateKey } from "./mongo-errors.ts";
import { afterOwnWrites, noteWrite } from "./write-times.ts";

/** A server that has not caught up would keep the reader without a limit. */
const READ_MS = 2_000;

/** Two processes that make the document of a bucket at once meet at most once. */
const ATTEMPTS_MAX = 3;

/** As it is found: another hand may have edited any field. */
interface StoredState {
  readonly _id: string;
  readonly epoch?: unknown;
  readonly raisedFor?: unknown;
  readonly highestPurged?: unknown;
}

/** A state document for each bucket, made by its first change, beside the store's identity. */
export class MongoBucketStates implements BucketStatesPort {
  readonly #connection: MongoConnection;

  constructor(connection: MongoConnection) {
    this.#connection = connection;
  }

  async read(buckets: readonly number[]): Promise<readonly BucketState[]> {
    if (buckets.length === 0) return [];
    const ids = [...new Set(buckets)].map(idOf);
    const found = await this.#find<StoredState>("read bucket states", {
      find: STATE,
      filter: { _id: { $in: ids } },
      projection: { epoch: 1, raisedFor: 1, highestPurged: 1 },
      batchSize: ids.length + 1,
    });
    const byId = new Map(found.map((document) => [document._id, document]));
    return buckets.map((bucket) => decode(byId.get(idOf(bucket))));
  }

  async raiseEpoch(bucket: number, incarnation: string): Promise<number> {
    return this.#connection.callOnce("raise an epoch", async (database) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await raise(database, bucket, incarnation);
        } catch (error) {
          if (attempt === ATTEMPTS_MAX || !isDuplicateKey(error)) throw error;
        }
      }
    });
  }

  /**
   * In the order of the index, so that a page costs what it holds and not what follows it: a sort by version and key
   * would read all of that. Rows of one version, of which there is one unless another hand has made more, are ordered here.
   */
  async rowsAbove({ bucket, above, after, limit }: RowsAbovePage): Promise<readonly RowVersion[]> {
    // To MongoDB, a limit of 0 is none at all.
    if (limit <= 0) return [];
    const isNext = (row: RowVersion) => after === undefined || compareRows(row, after) > 0;
    // The one that was the last, and one that tells whether the version before it is all here.
    const asked = limit + 2;
    const found = await this.#rows({
      filter: { bucket, version: after === undefined ? { $gt: above } : { $gte: after.version } },
      sort: { version: 1 },
      limit: asked,
    });
    const lastVersion = found.length === asked ? found.at(-1)?.version : undefined;
    const whole = found.filter(({ version }) => version !== lastVersion);
    const rows = whole.filter(isNext).toSorted(compareRows).slice(0, limit);
    if (lastVersion === undefined || rows.length === limit) return rows;
    const isSameVersion = after?.version === lastVersion;
    const rest = await this.#rows({
      filter: {
        bucket,
        version: { $eq: lastVersion },
        ...(isSameVersion ? { _id: { $gt: after.key } } : {}),
      },
      sort: { _id: 1 },
      limit: limit - rows.length,
    });
    rows.push(...rest);
    const missing = limit - rows.length;
    return [...rows, ...(await this.rowsAbove({ bucket, above: lastVersion, limit: missing }))];
  }

  async #rows(page: RowsPage): Promise<readonly RowVersion[]> {
    const { filter, sort, limit } = page;
    const rows = await this.#find<{ readonly _id: string; readonly version: Version }>(
      "look for rows above a version",
      {
        find: SHADOW,
        // What another hand has made of a version is older than every write.
        filter: { ...filter, version: { ...filter.version, $regex: "^[0-9]{24}\\z" } },
        projection: { version: 1 },
        sort,
        limit,
        batchSize: limit,
      },
    );
    return rows.map(({ _id, version }) => ({ key: _id, version }));
  }

  /** One command, so one batch: a caller's limit is far below the 16 MB of an answer. */
  async #find<T>(action: string, find: mongo.Document): Promise<readonly T[]> {
    const answer = await this.#connection.call(action, (database) =>
      database.command({
        ...find,
        singleBatch: true,
        maxTimeMS: READ_MS,
        readConcern: afterOwnWrites(database),
      }),
    );
    return (answer["cursor"] as { readonly firstBatch: readonly T[] }).firstBatch;
  }
}

interface RowsPage {
  readonly filter: { readonly bucket: number; readonly version: mongo.Document };
  readonly sort: mongo.Document;
  readonly limit: number;
}

/** As MongoDB does: by version, then by the bytes of the key. */
function compareRows(one: RowVersion, other: RowVersion): number {
  if (one.version !== other.version) return one.version < other.version ? -1 : 1;
  return Buffer.compare(Buffer.from(one.key), Buffer.from(other.key));
}

/** Sent as a plain command, which the driver does not repeat. */
async function raise(database: mongo.Db, bucket: number, incarnation: string): Promise<number> {
  const answer = await database.command({
    findAndModify: STATE,
    query: { _id: idOf(bucket) },
    update: [{ $set: { epoch: { $add: [EPOCH, 1] }, raisedFor: { $literal: incarnation } } }],
    upsert: true,
    new: true,
    fields: { epoch: 1 },
    // A plain command takes nothing over from the database object.
    writeConcern: { w: "majority", j: true },
  });
  noteWrite(database, answer);
  return (answer["value"] as { readonly epoch: number }).epoch;
}

function decode(document: StoredState | undefined): BucketState {
  const { epoch, raisedFor, highestPurged } = document ?? {};
  return {
    epoch: typeof epoch === "number" ? Math.max(epoch, FIRST_EPOCH) : FIRST_EPOCH,
    raisedFor: typeof raisedFor === "string" ? raisedFor : undefined,
    highestPurged:
      typeof highestPurged === "string" && isVersion(highestPurged) ? highestPurged : undefined,
  };
}
