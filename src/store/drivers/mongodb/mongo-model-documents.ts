import mongoose, { type mongo } from "mongoose";
import type { FieldRecord, FieldValue } from "../../../model/field-value.ts";
import type {
  CollectionRef,
  DocumentChange,
  IdType,
  ModelDocumentsPort,
} from "../../model-documents-port.ts";
import { bsonOf, fieldRecordOf, READ_OPTIONS } from "./field-values.ts";
import type { MongoConnection } from "./mongo-connection.ts";

const { Long, MongoServerError, ObjectId, UUID } = mongoose.mongo;

/** The ids of each type, as a condition of MongoDB: those that have a form in a key. */
const IDS: Readonly<Record<IdType, mongo.Document>> = {
  objectId: { $type: "objectId" },
  uuid: {
    $gte: new UUID("00000000-0000-0000-0000-000000000000"),
    $lte: new UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"),
  },
  string: { $type: "string" },
  // Not NaN, nor decimals.
  number: { $type: ["double", "int", "long"], $gte: Number.NEGATIVE_INFINITY },
};

const WRITE_CONFLICT = 112;

/**
 * The applications' collections, on the store's own connection. They are read from the primary as it stands: what an
 * application was told to be written must be seen, and its write may not have reached a majority yet.
 */
export class MongoModelDocuments implements ModelDocumentsPort {
  readonly #connection: MongoConnection;
  #hasTransactions: boolean | undefined;

  constructor(connection: MongoConnection) {
    this.#connection = connection;
  }

  count(ref: CollectionRef): Promise<number> {
    return this.#connection.call(`count ${ref.collection}`, (database) =>
      collectionOf(database, ref).estimatedDocumentCount(),
    );
  }

  page(
    ref: CollectionRef,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly FieldRecord[]> {
    const { field, type } = ref.id;
    const ids = after === undefined ? IDS[type] : { ...IDS[type], $gt: idOf(type, after) };
    return this.#connection.call(`read ${ref.collection}`, async (database) => {
      const found = collectionOf(database, ref)
        .find(within(ref, ids), { ...READ_OPTIONS, ...projectionOf(ref) })
        .sort({ [field]: 1 })
        .limit(limit);
      return (await found.toArray()).map(fieldRecordOf);
    });
  }

  async sample(ref: CollectionRef, size: number): Promise<readonly FieldRecord[]> {
    const { projection } = projectionOf(ref);
    const isFiltered = Object.keys(ref.filter).length > 0;
    const stages: mongo.Document[] = [
      // As the first stage it need not read the whole collection.
      ...(isFiltered ? [{ $match: filterOf(ref) }] : []),
      { $sample: { size } },
      ...(projection === undefined ? [] : [{ $project: projection }]),
    ];
    const found = await this.#connection.call(`sample ${ref.collection}`, (database) =>
      collectionOf(database, ref).aggregate(stages, READ_OPTIONS).toArray(),
    );
    const byId = new Map(found.map((document) => [String(document["_id"]), document]));
    return [...byId.values()].map(fieldRecordOf);
  }

  async find(ref: CollectionRef, ids: readonly string[]): Promise<readonly FieldRecord[]> {
    if (ids.length === 0) return [];
    const wanted = { $in: ids.map((id) => idOf(ref.id.type, id)) };
    return this.#connection.call(`look up ${ref.collection}`, async (database) => {
      const found = collectionOf(database, ref).find(within(ref, wanted), {
        ...READ_OPTIONS,
        ...projectionOf(ref),
      });
      return (await found.toArray()).map(fieldRecordOf);
    });
  }

  async change(ref: CollectionRef, change: DocumentChange): Promise<"changed" | "moved"> {
    const guard = guardOf(ref, change);
    const update = updateOf(change);
    this.#hasTransactions ??= await this.#askForTransactions();
    const isTransaction = this.#hasTransactions;
    return this.#connection.callOnce(`change ${ref.collection}`, async (database) => {
      const collection = collectionOf(database, ref);
      if (!isTransaction) {
        const { matchedCount } = await collection.updateOne(guard, update);
        return matchedCount === 1 ? "changed" : "moved";
      }
      return inTransaction(database.client, async (session) => {
        const { matchedCount } = await collection.updateOne(guard, update, { session });
        return matchedCount === 1 ? "changed" : "moved";
      });
    });
  }

  /** A standalone server has none. */
  async #askForTransactions(): Promise<boolean> {
    const hello = await this.#connection.call("ask for transactions", (database) =>
      database.command({ hello: 1 }),
    );
    return typeof hello["setName"] === "string" || hello["msg"] === "isdbgrid";
  }
}

/** Commits what `work` has changed; a change by another hand at the same time counts as one before it. */
async function inTransaction(
  client: mongo.MongoClient,
  work: (session: mongo.ClientSession) => Promise<"changed" | "moved">,
): Promise<"changed" | "moved"> {
  const session = client.startSession();
  try {
    session.startTransaction({ writeConcern: { w: "majority", j: true } });
    const outcome = await work(session);
    if (outcome === "changed") await session.commitTransaction();
    return outcome;
  } catch (error) {
    if (error instanceof MongoServerError && error.code === WRITE_CONFLICT) return "moved";
    throw error;
  } finally {
    // Aborts what has not been committed.
    await session.endSession();
  }
}

function collectionOf(database: mongo.Db, ref: CollectionRef): mongo.Collection {
  const owner = ref.database === undefined ? database : database.client.db(ref.database);
  return owner.collection(ref.collection, {
    readPreference: "primary",
    readConcern: { level: "local" },
    writeConcern: { w: "majority", j: true },
  });
}

function filterOf(ref: CollectionRef): mongo.Document {
  const equal = Object.entries(ref.filter).map(([name, value]) => [name, { $eq: value }]);
  return Object.fromEntries(equal) as mongo.Document;
}

/** Beside the model's filter, which may name the same field. */
function within(ref: CollectionRef, ids: mongo.Document): mongo.Document {
  return { $and: [{ [ref.id.field]: ids }, filterOf(ref)] };
}

function projectionOf({ fields, id }: CollectionRef): { readonly projection?: mongo.Document } {
  if (fields === undefined) return {};
  return { projection: Object.fromEntries([...fields, id.field].map((name) => [name, 1])) };
}

function idOf(type: IdType, text: string): unknown {
  switch (type) {
    case "objectId":
      return new ObjectId(text);
    case "uuid":
      return new UUID(text);
    case "string":
      return text;
    case "number": {
      const number = Number(text);
      return String(number) === text ? number : Long.fromString(text);
    }
  }
}

function guardOf(ref: CollectionRef, { id, seen }: DocumentChange): mongo.Document {
  const fields = [...seen].map(([name, value]) => [name, asSeen(value)]);
  return {
    $and: [within(ref, { $eq: idOf(ref.id.type, id) }), Object.fromEntries(fields)],
  } as mongo.Document;
}

function asSeen(value: FieldValue | undefined): mongo.Document {
  return value === undefined ? { $exists: false } : { $eq: bsonOf(value) };
}

function updateOf({ set, unset }: DocumentChange): mongo.UpdateFilter<mongo.Document> {
  const values = Object.entries(set).map(([name, value]) => [name, bsonOf(value)]);
  return {
    ...(values.length === 0 ? {} : { $set: Object.fromEntries(values) as mongo.Document }),
    ...(unset.length === 0 ? {} : { $unset: Object.fromEntries(unset.map((name) => [name, ""])) }),
  };
}
