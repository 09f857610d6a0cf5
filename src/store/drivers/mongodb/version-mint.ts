import type { mongo } from "mongoose";
import {
  epochOf,
  FIRST_EPOCH,
  formatVersion,
  seqOf,
  type Version,
} from "../../../model/version.ts";
import { type StateDocument, stateOf } from "./collections.ts";

interface MintDocument extends StateDocument {
  readonly epoch: number;
  readonly lastSeq: number;
}

/** Epoch 0 is nobody's; a floor of it changes nothing. */
const NO_FLOOR: Version = formatVersion(0, 0);

/**
 * A version that no write of this store was ever given, above `floor` too. The seq counts on from the
 * last one or follows the server's clock, which all processes share, whichever is higher.
 */
export async function mintVersion(database: mongo.Db, floor = NO_FLOOR): Promise<Version> {
  const nowMicros = { $multiply: [{ $toLong: "$$NOW" }, 1_000] };
  const minted = await stateOf<MintDocument>(database).findOneAndUpdate(
    { _id: "mint" },
    [
      {
        $set: {
          epoch: { $max: ["$epoch", epochOf(floor), FIRST_EPOCH] },
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
  return formatVersion(minted.epoch, minted.lastSeq);
}
