import mongoose, { type mongo } from "mongoose";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { outboxOf } from "./collections.ts";
import { type OutboxDocument, type StoredEvent, toObjectIds } from "./outbox-document.ts";

const { EJSON } = mongoose.mongo.BSON;

/** As the partial index over parked events names them, so that it is used. */
export const PARKED = { processed: false, state: "dead" } as const;

/** After which `_id` a listing goes on; it may be of any type, since people may have inserted events too. */
export type Place = { readonly after: unknown } | undefined;

/** Within an expression, unlike in a filter, values of different types have one order. */
export function isAfter(place: Place): mongo.Filter<OutboxDocument> {
  return place === undefined ? {} : { $expr: { $gt: ["$_id", { $literal: place.after }] } };
}

export async function parkDocuments(
  database: mongo.Db,
  which: mongo.Filter<OutboxDocument>,
  cause: string,
): Promise<void> {
  const parked = {
    state: "dead",
    attempts: { $add: [{ $cond: [{ $isNumber: "$attempts" }, "$attempts", 0] }, 1] },
    cause: { $literal: cause },
    deadAt: "$$NOW",
    owner: null,
    claim: null,
    leaseUntil: null,
  };
  await outboxOf(database).updateMany(which, [{ $set: parked }]);
}

/** Parked events in the order of their `_id`, which is that of their insertion. */
export function listParked(
  database: mongo.Db,
  place: Place,
  limit: number,
): Promise<StoredEvent[]> {
  return outboxOf(database)
    .find({ ...PARKED, ...isAfter(place) }, { sort: { _id: 1 }, limit, batchSize: limit })
    .toArray();
}

export async function replayParked(
  database: mongo.Db,
  { ids, limit }: { readonly ids?: readonly string[]; readonly limit: number },
): Promise<number> {
  // To MongoDB, a limit of 0 is none at all.
  if (limit <= 0) return 0;
  const wanted = ids === undefined ? {} : { _id: { $in: toObjectIds(ids) } };
  const found = await outboxOf(database)
    .find({ ...PARKED, ...wanted }, { projection: { _id: 1 }, sort: { _id: 1 }, limit })
    .toArray();
  const _id = { $in: found.map((document) => document._id) };
  const { modifiedCount } = await outboxOf(database).updateMany(
    { _id, ...PARKED },
    {
      $set: { state: "waiting", attempts: 0, leaseUntil: null, owner: null, claim: null },
      $unset: { cause: "", deadAt: "" },
    },
  );
  return modifiedCount;
}

export function cursorAt(last: StoredEvent | undefined, place: Place): string {
  const after = last === undefined ? place?.after : last._id;
  return Buffer.from(EJSON.stringify({ after })).toString("base64url");
}

/** Error: INPUT_INVALID for a cursor that {@link cursorAt} has not made. */
export function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return undefined;
  try {
    const place: unknown = EJSON.parse(Buffer.from(cursor, "base64url").toString());
    if (typeof place === "object" && place !== null && "after" in place) return place;
  } catch {
    // Told below, like any other text that is not a cursor.
  }
  throw new LockstepError("INPUT_INVALID", "The cursor is not one that this listing has given.");
}
