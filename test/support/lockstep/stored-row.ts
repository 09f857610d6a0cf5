import mongoose from "mongoose";
import { loadSqlite } from "../../../src/store/drivers/sqlite/load-sqlite.ts";

/** A key's row as the store keeps it, read without any code of ours in between. */
export interface StoredRow {
  readonly version: string;
  /** null: a tombstone. */
  readonly value: string | null;
}

export interface RowReader {
  rows(): Promise<ReadonlyMap<string, StoredRow>>;
  unprocessedEvents(): Promise<number>;
  close(): Promise<void>;
}

export async function readMongo(uri: string): Promise<RowReader> {
  const client = new mongoose.mongo.MongoClient(uri);
  const shadow = client
    .db()
    .collection<{ _id: string; version: string; lastValue: string | null }>("kvshadow");
  return {
    async rows() {
      const found = await shadow.find().toArray();
      return new Map(
        found.map(({ _id, version, lastValue }) => [_id, { version, value: lastValue }]),
      );
    },
    unprocessedEvents: () => client.db().collection("outbox").countDocuments({ processed: false }),
    close: () => client.close(),
  };
}

export async function readSqlite(file: string): Promise<RowReader> {
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(file);
  return {
    async rows() {
      const found = database.prepare("SELECT key, version, value, deleted FROM kvshadow").all() as {
        key: Uint8Array;
        version: string;
        value: Uint8Array;
        deleted: number;
      }[];
      return new Map(
        found.map(({ key, version, value, deleted }) => [
          textOf(key),
          { version, value: deleted === 1 ? null : textOf(value) },
        ]),
      );
    },
    async unprocessedEvents() {
      const { events } = database
        .prepare("SELECT count(*) AS events FROM outbox WHERE processed = 0")
        .get() as { events: number };
      return events;
    },
    close: async () => database.close(),
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
