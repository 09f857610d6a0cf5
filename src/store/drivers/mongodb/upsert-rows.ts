import type { mongo } from "mongoose";
import type { Version } from "../../../model/version.ts";
import { shadowOf } from "./collections.ts";
import { isDuplicateKey } from "./mongo-errors.ts";
import { decodeVersion, replaceIfNewer, type ShadowRow } from "./shadow-row.ts";

/** More gain nothing (measured, replica set); the driver itself would split only at 100,000. */
const BULK_ROWS_MAX = 500;

/** Half of the 16 MB that one message may have. */
const BULK_BYTES_MAX = 8_000_000;

/** What a row and its operation have beside key and value, rounded up. */
const ROW_OVERHEAD_BYTES = 1_000;

const ATTEMPTS_MAX = 3;

/** Splits rows into groups of a size that one bulk carries well; a row that is large alone goes alone. */
export function toBulks(rows: readonly ShadowRow[]): readonly (readonly ShadowRow[])[] {
  const bulks: ShadowRow[][] = [];
  let bulk: ShadowRow[] = [];
  let bulkBytes = 0;
  for (const row of rows) {
    const rowBytes = bytesOf(row);
    const isFull = bulk.length === BULK_ROWS_MAX || bulkBytes + rowBytes > BULK_BYTES_MAX;
    if (bulk.length === 0 || isFull) {
      bulk = [];
      bulkBytes = 0;
      bulks.push(bulk);
    }
    bulk.push(row);
    bulkBytes += rowBytes;
  }
  return bulks;
}

/** One bulk of only-newer upserts, each key once. Returns the version that each key's row has afterwards. */
export async function upsertNewer(
  database: mongo.Db,
  rows: readonly ShadowRow[],
): Promise<readonly (readonly [string, Version])[]> {
  const { modifiedCount, upsertedCount } = await bulkWrite(database, rows);
  if (modifiedCount + upsertedCount === rows.length) {
    return rows.map((row) => [row._id, row.version] as const);
  }
  const stored = await shadowOf(database)
    .find({ _id: { $in: rows.map((row) => row._id) } }, { projection: { version: 1 } })
    .toArray();
  const versions = new Map(stored.map((row) => [row._id, decodeVersion(row.version)]));
  // A row that is gone again was removed by another hand after this write.
  return rows.map((row) => [row._id, versions.get(row._id) ?? row.version] as const);
}

async function bulkWrite(
  database: mongo.Db,
  rows: readonly ShadowRow[],
): Promise<mongo.BulkWriteResult> {
  const operations = rows.map((row) => ({
    updateOne: { filter: { _id: row._id }, update: replaceIfNewer(row), upsert: true },
  }));
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await shadowOf(database).bulkWrite(operations, { ordered: false });
    } catch (error) {
      // Repeating the ones that went through changes nothing.
      if (attempt === ATTEMPTS_MAX || !isDuplicateKey(error)) throw error;
    }
  }
}

function bytesOf(row: ShadowRow): number {
  return ROW_OVERHEAD_BYTES + Buffer.byteLength(row._id) + Buffer.byteLength(row.lastValue ?? "");
}
