import type { mongo } from "mongoose";
import type { Version } from "../../../model/version.ts";
import { sendBulk, toBulks } from "./bulk.ts";
import { SHADOW, shadowOf } from "./collections.ts";
import { isMendedByRepeating, mayHaveHappened } from "./mongo-errors.ts";
import { decodeVersion, replaceIfNewer, type ShadowRow } from "./shadow-row.ts";

const ATTEMPTS_MAX = 3;

/** Rows in groups that one bulk carries well. */
export function toRowBulks(rows: readonly ShadowRow[]): readonly (readonly ShadowRow[])[] {
  return toBulks(
    rows,
    (row) => Buffer.byteLength(row._id) + Buffer.byteLength(row.lastValue ?? ""),
  );
}

/**
 * One bulk of only-newer upserts, each key once; all or nothing by `until`, in the server's time, which stands still
 * within one command. Returns the version that each key's row has afterwards.
 */
export async function upsertNewer(
  database: mongo.Db,
  rows: readonly ShadowRow[],
  until: Date,
): Promise<readonly (readonly [string, Version])[]> {
  if ((await repeatedly(database, rows, until)) === rows.length) {
    return rows.map((row) => [row._id, row.version] as const);
  }
  const stored = await shadowOf(database)
    .find({ _id: { $in: rows.map((row) => row._id) } }, { projection: { version: 1 } })
    .toArray();
  const versions = new Map(stored.map((row) => [row._id, decodeVersion(row.version)]));
  // A row that is gone again was removed by another hand after this write.
  return rows.map((row) => [row._id, versions.get(row._id) ?? row.version] as const);
}

/**
 * Repeating an update that went through changes nothing, so every failure that a repetition may mend is met with one.
 * Where no repetition gets through either, the failure that leaves open what happened is the one to tell.
 */
async function repeatedly(
  database: mongo.Db,
  rows: readonly ShadowRow[],
  until: Date,
): Promise<number> {
  let unclear: unknown;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await update(database, rows, until);
    } catch (error) {
      unclear ??= mayHaveHappened(error) ? error : undefined;
      if (attempt === ATTEMPTS_MAX || !isMendedByRepeating(error)) throw unclear ?? error;
    }
  }
}

/**
 * Answers how many rows were written. Sent as a plain command: the driver's own bulk asks replica sets to remember each
 * of its updates, so that it may repeat them safely, which costs the server a quarter more (measured) and is not needed here.
 */
async function update(
  database: mongo.Db,
  rows: readonly ShadowRow[],
  until: Date,
): Promise<number> {
  const updates = rows.map((row) => ({
    q: { _id: row._id },
    u: replaceIfNewer(row, until),
    upsert: true,
  }));
  const answer = await sendBulk<UpdateAnswer>(database, { update: SHADOW, updates });
  return answer.nModified + (answer.upserted?.length ?? 0);
}

interface UpdateAnswer {
  readonly nModified: number;
  readonly upserted?: readonly unknown[];
}
