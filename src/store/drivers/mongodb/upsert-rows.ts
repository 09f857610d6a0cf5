import mongoose, { type mongo } from "mongoose";
import type { Version } from "../../../model/version.ts";
import { SHADOW, shadowOf } from "./collections.ts";
import { isMendedByRepeating } from "./mongo-errors.ts";
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
  if ((await repeatedly(database, rows)) === rows.length) {
    return rows.map((row) => [row._id, row.version] as const);
  }
  const stored = await shadowOf(database)
    .find({ _id: { $in: rows.map((row) => row._id) } }, { projection: { version: 1 } })
    .toArray();
  const versions = new Map(stored.map((row) => [row._id, decodeVersion(row.version)]));
  // A row that is gone again was removed by another hand after this write.
  return rows.map((row) => [row._id, versions.get(row._id) ?? row.version] as const);
}

/** Repeating an update that went through changes nothing, so every failure that a repetition may mend is met with one. */
async function repeatedly(database: mongo.Db, rows: readonly ShadowRow[]): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await update(database, rows);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isMendedByRepeating(error)) throw error;
    }
  }
}

/**
 * Answers how many rows were written. Sent as a plain command: the driver's own bulk asks replica sets to remember each
 * of its updates, so that it may repeat them safely, which costs the server a quarter more (measured) and is not needed here.
 */
async function update(database: mongo.Db, rows: readonly ShadowRow[]): Promise<number> {
  const answer = await database.command({
    update: SHADOW,
    updates: rows.map((row) => ({ q: { _id: row._id }, u: replaceIfNewer(row), upsert: true })),
    ordered: false,
    // A plain command takes nothing over from the database object.
    writeConcern: { w: "majority", j: true },
  });
  const { nModified, upserted = [], writeErrors: [refused] = [] } = answer as UpdateAnswer;
  if (refused !== undefined) {
    throw new mongoose.mongo.MongoServerError({ message: refused.errmsg, code: refused.code });
  }
  return nModified + upserted.length;
}

interface UpdateAnswer {
  readonly nModified: number;
  readonly upserted?: readonly unknown[];
  readonly writeErrors?: readonly { readonly code: number; readonly errmsg: string }[];
}

function bytesOf(row: ShadowRow): number {
  return ROW_OVERHEAD_BYTES + Buffer.byteLength(row._id) + Buffer.byteLength(row.lastValue ?? "");
}
