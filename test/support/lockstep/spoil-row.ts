import mongoose from "mongoose";
import { SqliteShell } from "./sqlite-shell.ts";

/** Another program puts a number where the value of a key was, beside the old hash. */
export async function spoilMongoRow(uri: string, key: string): Promise<void> {
  const client = new mongoose.mongo.MongoClient(uri);
  try {
    const rows = client.db().collection<{ _id: string }>("kvshadow");
    const { modifiedCount } = await rows.updateOne({ _id: key }, { $set: { lastValue: 42 } });
    if (modifiedCount !== 1) throw new Error(`There is no row ${key}.`);
  } finally {
    await client.close();
  }
}

/** Another program edits the value of a key, beside the old hash. */
export async function spoilSqliteRow(file: string, key: string): Promise<void> {
  const shell = await SqliteShell.open(file);
  try {
    shell.editRow(key, "value = CAST('edited by another hand' AS BLOB)");
  } finally {
    shell.close();
  }
}
