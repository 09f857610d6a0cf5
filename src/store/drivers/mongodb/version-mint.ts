import type { mongo } from "mongoose";
import { epochOf, formatVersion, seqOf, type Version } from "../../../model/version.ts";
import { type BucketDocument, EPOCH, idOf } from "./bucket-document.ts";
import { stateOf } from "./collections.ts";

/** Epoch 0 is nobody's; a floor of it changes nothing. */
const NO_FLOOR: Version = formatVersion(0, 0);

/**
 * A version that no write of the bucket was ever given, above `floor` too. The seq counts on from the last one or
 * follows the server's clock, which all processes share, whichever is higher. The epoch is the one that a cache of this
 * store would have: below it, whatever such a cache still delivers would win; above it, that cache could write the key
 * no more. A floor of a later epoch raises the bucket's, so that such a cache hears of it.
 */
export async function mintVersion(
  database: mongo.Db,
  bucket: number,
  floor = NO_FLOOR,
): Promise<Version> {
  const nowMicros = { $multiply: [{ $toLong: "$$NOW" }, 1_000] };
  const minted = await stateOf<BucketDocument>(database).findOneAndUpdate(
    { _id: idOf(bucket) },
    [
      {
        $set: {
          epoch: { $max: [EPOCH, epochOf(floor)] },
          lastSeq: {
            $max: [{ $add: [{ $ifNull: ["$lastSeq", 0] }, 1] }, seqOf(floor) + 1, nowMicros],
          },
        },
      },
    ],
    // Need not be durable by itself: the write that uses the version is waited for, and comes later
    // in the same log. Should it fail, nobody has seen the version.
    { upsert: true, returnDocument: "after", writeConcern: { w: 1 } },
  );
  if (minted === null) throw new Error("An upsert must answer with its document.");
  return formatVersion(minted.epoch, Number(minted.lastSeq));
}
