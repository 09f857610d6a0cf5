import mongoose from "mongoose";
import {
  leasesOf,
  outboxOf,
  recordsOf,
  shadowOf,
  stateOf,
} from "../../src/store/drivers/mongodb/collections.ts";
import { parseConnectionString } from "../../src/store/drivers/mongodb/connection-string.ts";
import type { OutsideHand } from "./outside-hand.ts";

/** Connects with its first question. */
export function openMongoHand(uri: string): OutsideHand {
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 2000 });
  const database = client.db(parseConnectionString(uri).databaseName);
  const shadow = shadowOf(database);
  const outbox = outboxOf(database);
  const records = recordsOf(database);
  let found: ReadonlySet<string> | undefined;
  return {
    async countStanding(keys) {
      return shadow.countDocuments({ _id: { $in: [...keys] } });
    },
    async begin() {
      const collections = await database.listCollections({}, { nameOnly: true }).toArray();
      found = new Set(collections.map(({ name }) => name));
    },
    async overwrite(key, value) {
      const { matchedCount } = await shadow.updateOne({ _id: key }, { $set: { lastValue: value } });
      if (matchedCount !== 1) throw new Error(`${key} is not in the store.`);
    },
    async remove(keys) {
      await shadow.deleteMany({ _id: { $in: [...keys] } });
      await outbox.deleteMany({ "payload.key": { $in: [...keys] } });
      await records.deleteMany({ group: { $in: [...keys] } });
      // A store that was new is taken away again, unless somebody else has begun to use it.
      const wasNew = found?.has(shadow.collectionName) === false;
      if (!wasNew || (await shadow.countDocuments({})) > 0) return;
      const ours = [shadow, outbox, records, stateOf(database), leasesOf(database)];
      for (const collection of ours) {
        if (found?.has(collection.collectionName) === false) await collection.drop();
      }
    },
    async close() {
      await client.close();
    },
  };
}
