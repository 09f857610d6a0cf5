import type { mongo } from "mongoose";
import { type Entry, isDead, isExpired } from "../../../model/entry.ts";
import type { Version } from "../../../model/version.ts";
import type { RowGuard } from "../../store-authority-port.ts";
import { SHADOW } from "./collections.ts";
import { isDuplicateKey } from "./mongo-errors.ts";
import {
  decodeVersion,
  encodeRow,
  msOrNull,
  NO_VERSION,
  ROW_VERSION,
  replacementOf,
  type ShadowRow,
  type StoredRow,
  unlessExpired,
} from "./shadow-row.ts";

export interface GuardedWrite {
  readonly entry: Entry;
  readonly guard: RowGuard | undefined;
  /** The newest unprocessed event of the key. */
  readonly event: Entry | undefined;
  readonly nowMs: number;
  readonly graceMs: number;
  /** When the write's life ends, in the server's time. */
  readonly until: Date;
}

export type Judgement =
  | { readonly outcome: "written"; readonly existed: boolean }
  | { readonly outcome: "moved"; readonly version: Version | null }
  /** The key has a version that is not below the entry's; nothing was written. */
  | { readonly outcome: "overtaken"; readonly by: Version };

/**
 * Judges the guard on the row as it stands, together with the event, and replaces the row if its
 * version is below the entry's: one command, atomic. The answer is read off the row as it was before.
 */
export async function guardedWrite(
  database: mongo.Db,
  { entry, guard, event, nowMs, graceMs, until }: GuardedWrite,
): Promise<Judgement> {
  if (event !== undefined && event.version >= entry.version) {
    return { outcome: "overtaken", by: event.version };
  }
  const row = encodeRow(entry, { method: "ASYNC_THREAD", nowMs, graceMs });
  const answer = await findAndModify(database, updateUnder(row, { guard, event, until }), {
    _id: row._id,
    // Without a row the newest entry is the event, so that is what the guard must have seen.
    upsert: guard === undefined || guard.version === (event?.version ?? null),
  });
  if (answer === "met another insert") return { outcome: "overtaken", by: entry.version };

  const before = answer === null ? undefined : decodeVersion(answer.version);
  const newest = newestVersion(before, event?.version);
  if (guard !== undefined && guard.version !== newest) return { outcome: "moved", version: newest };
  if (before !== undefined && before >= entry.version) return { outcome: "overtaken", by: before };
  const isEventNewest = event !== undefined && event.version === newest;
  const existed = isEventNewest ? !isDead(event, nowMs) : isLiveRow(answer, nowMs);
  return { outcome: "written", existed };
}

/** Sent as a plain command, which the driver does not repeat: a repetition would hide whether the first one arrived. */
async function findAndModify(
  database: mongo.Db,
  update: mongo.Document[],
  { _id, upsert }: { readonly _id: string; readonly upsert: boolean },
): Promise<StoredRow | null | "met another insert"> {
  try {
    const answer = await database.command({
      findAndModify: SHADOW,
      query: { _id },
      update,
      upsert,
      new: false,
      fields: { version: 1, deleted: 1, expiresAt: 1 },
      // A plain command takes nothing over from the database object.
      writeConcern: { w: "majority", j: true },
    });
    return answer["value"] as StoredRow | null;
  } catch (error) {
    if (isDuplicateKey(error)) return "met another insert";
    throw error;
  }
}

function updateUnder(
  row: ShadowRow,
  { guard, event, until }: Pick<GuardedWrite, "guard" | "event" | "until">,
): mongo.Document[] {
  if (guard?.version === null) {
    // Whatever row stands there, also one without a version, is left alone; what is to be inserted has its key only.
    const isNew = { $eq: ["$$ROOT", { _id: "$_id" }] };
    const inserted = { $cond: [isNew, { $literal: row }, "$$ROOT"] };
    return [{ $replaceWith: unlessExpired(until, inserted) }];
  }
  const isOlder = { $lt: [ROW_VERSION, row.version] };
  const isAsSeen =
    guard === undefined
      ? true
      : { $eq: [{ $max: [ROW_VERSION, event?.version ?? NO_VERSION] }, guard.version] };
  const mayReplace = { $and: [isOlder, isAsSeen] };
  const replaced = { $cond: [mayReplace, replacementOf(row), "$$ROOT"] };
  return [{ $replaceWith: unlessExpired(until, replaced) }];
}

function newestVersion(one: Version | undefined, other: Version | undefined): Version | null {
  if (one === undefined || other === undefined) return one ?? other ?? null;
  return one > other ? one : other;
}

function isLiveRow(row: StoredRow | null, nowMs: number): boolean {
  return row !== null && row.deleted !== true && !isExpired(msOrNull(row.expiresAt), nowMs);
}
