import mongoose, { type mongo } from "mongoose";
import { chunksBySize } from "../../../lib/chunks-by-size.ts";
import { partlyLanded } from "../../partly-landed.ts";
import { noteWrite } from "./write-times.ts";

/** More gain nothing (measured, replica set); the driver itself would split only at 100,000. */
const BULK_ITEMS_MAX = 500;

/** Half of the 16 MB that one message may have. */
const BULK_BYTES_MAX = 8_000_000;

/** What an item and its operation have beside their texts, rounded up. */
const ITEM_OVERHEAD_BYTES = 1_000;

/** Splits items into groups of a size that one bulk carries well; one that is large alone goes alone. `textBytes` counts an item's texts. */
export function toBulks<T>(
  items: readonly T[],
  textBytes: (item: T) => number,
): readonly (readonly T[])[] {
  return chunksBySize(items, (item) => ITEM_OVERHEAD_BYTES + textBytes(item), {
    itemsMax: BULK_ITEMS_MAX,
    sizeMax: BULK_BYTES_MAX,
  });
}

/** Sends bulk after bulk; once one has landed, a failure of a later one is {@link partlyLanded}. */
export async function eachBulk<T>(
  bulks: readonly T[],
  send: (bulk: T) => Promise<void>,
): Promise<void> {
  for (const [at, bulk] of bulks.entries()) {
    try {
      await send(bulk);
    } catch (error) {
      throw at === 0 ? error : partlyLanded(error);
    }
  }
}

/**
 * Sends one unordered `update` or `insert` as a plain command, which the driver does not repeat by itself: its own
 * repetition would hide whether the first attempt may have happened. Fails as the server refused the first item it refused.
 */
export async function sendBulk<Answer>(
  database: mongo.Db,
  command: mongo.Document,
): Promise<Answer> {
  const answer = await database.command({
    ...command,
    ordered: false,
    // A plain command takes nothing over from the database object.
    writeConcern: { w: "majority", j: true },
  });
  noteWrite(database, answer);
  const { writeErrors: [refused] = [] } = answer as {
    writeErrors?: readonly { readonly code: number; readonly errmsg: string }[];
  };
  if (refused === undefined) return answer as Answer;
  throw new mongoose.mongo.MongoServerError({ message: refused.errmsg, code: refused.code });
}
