import mongoose, { type mongo } from "mongoose";
import type { Random } from "../../../lib/random.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { outboxOf, type StateDocument, stateOf } from "./collections.ts";
import { INDEXES, RETENTION_KEY } from "./indexes.ts";

/** Raised whenever an older release could misread what this one writes. */
export const SCHEMA_VERSION = 1;

/** Server codes for "there is such an index, with other options". */
const INDEX_CONFLICTS = new Set<unknown>([85, 86]);

export interface StoreDocument extends StateDocument {
  readonly storeId: string;
  readonly schemaVersion: number;
}

/**
 * Makes what the store needs before its first use: its identity, its indexes. Harmless to repeat, and
 * any number of processes may do it at once. Returns the store's id. Error: SCHEMA_TOO_NEW.
 */
export async function prepareDatabase(
  database: mongo.Db,
  { random, retentionMs }: { readonly random: Random; readonly retentionMs: number },
): Promise<string> {
  // Before the indexes: a store of a newer release is left as it is.
  const { storeId, schemaVersion } = await identify(database, random);
  if (schemaVersion > SCHEMA_VERSION) {
    throw new LockstepError(
      "SCHEMA_TOO_NEW",
      `The store has schema ${schemaVersion}; this release knows ${SCHEMA_VERSION}.`,
    );
  }
  await Promise.all(
    Object.entries(INDEXES).map(([collection, indexes]) =>
      database.collection(collection).createIndexes([...indexes]),
    ),
  );
  await expireProcessed(database, Math.round(retentionMs / 1000));
  return storeId;
}

/** Whoever comes first gives the store its id; an upsert on `_id` lets only one be first. */
async function identify(database: mongo.Db, random: Random): Promise<StoreDocument> {
  const made = { storeId: random.hex(16), schemaVersion: SCHEMA_VERSION };
  const found = await stateOf<StoreDocument>(database).findOneAndUpdate(
    { _id: "store" },
    { $setOnInsert: made },
    { upsert: true, returnDocument: "after" },
  );
  return found ?? { _id: "store", ...made };
}

/** The retention time is configuration, so an index made with another one is changed in place. */
async function expireProcessed(database: mongo.Db, expireAfterSeconds: number): Promise<void> {
  const outbox = outboxOf(database);
  try {
    await outbox.createIndex(RETENTION_KEY, { expireAfterSeconds });
  } catch (error) {
    if (!(error instanceof mongoose.mongo.MongoServerError && INDEX_CONFLICTS.has(error.code))) {
      throw error;
    }
    await database.command({
      collMod: outbox.collectionName,
      index: { keyPattern: RETENTION_KEY, expireAfterSeconds },
    });
  }
}
