import mongoose, { type mongo } from "mongoose";
import { bucketOf } from "../../../model/bucket.ts";
import {
  type Entry,
  purgeAtMs,
  type ShadowContents,
  type ShadowEntry,
  type SyncMethod,
} from "../../../model/entry.ts";
import type { IdempotencyRecord, IdempotencyRecords } from "../../../model/idempotency.ts";
import { isVersion, type Version, writtenAtMs } from "../../../model/version.ts";

/** A document of `kvshadow` as we write it. `db.kvshadow.findOne({_id: key})` shows it to people. */
export interface ShadowRow {
  /** The key. */
  readonly _id: string;
  /** null in a tombstone. */
  readonly lastValue: string | null;
  readonly valueHash: string;
  readonly version: Version;
  readonly bucket: number;
  /** When the version was minted: for people and for staleness, never for ordering. */
  readonly lastWriteAt: Date;
  readonly expiresAt: Date | null;
  readonly deleted: boolean;
  readonly purgeAt: Date | null;
  readonly sessionId: string | null;
  readonly interactionId: string | null;
  /** The key's last idempotency keys, hashed; absent where none was ever used. */
  readonly idempotency?: IdempotencyRecords;
  readonly metadata: { readonly syncMethod: SyncMethod; readonly syncTimestamp: Date };
}

/** A document of `kvshadow` as it is found: another hand may have edited any field. */
export type StoredRow = { readonly _id: string } & {
  readonly [Field in Exclude<keyof ShadowRow, "_id">]?: unknown;
};

/** The version of a row whose own is missing or not one: older than every write. */
export const NO_VERSION: Version = "0".repeat(24);

export function encodeRow(
  entry: Entry,
  { method, nowMs, graceMs }: { method: SyncMethod; nowMs: number; graceMs: number },
): ShadowRow {
  const writtenMs = writtenAtMs(entry.version);
  return {
    _id: entry.key,
    lastValue: entry.value,
    valueHash: entry.hash,
    version: entry.version,
    bucket: bucketOf(entry.key),
    lastWriteAt: new Date(writtenMs),
    expiresAt: dateOrNull(entry.expiresAtMs),
    deleted: entry.value === null,
    purgeAt: dateOrNull(purgeAtMs(entry, writtenMs, graceMs)),
    sessionId: entry.sessionId,
    interactionId: entry.interactionId,
    ...(entry.idempotency === undefined ? {} : { idempotency: entry.idempotency }),
    metadata: { syncMethod: method, syncTimestamp: new Date(nowMs) },
  };
}

/**
 * Never fails. What another hand has made of a row comes back so that a verification sees it: a value
 * that is not text as its JSON text beside the hash as stored, a missing hash as the empty one (which
 * matches no value), a missing or malformed version as {@link NO_VERSION}. Odd dates and ids are null.
 */
export function decodeRow(row: StoredRow): ShadowEntry {
  const contents = decodeContents(row);
  const { syncMethod, syncTimestamp } = fieldsOf(row.metadata);
  const records = decodeRecords(row.idempotency);
  return {
    ...contents,
    sessionId: textOrNull(row.sessionId),
    interactionId: textOrNull(row.interactionId),
    ...(records === undefined ? {} : { idempotency: records }),
    syncMethod: syncMethod === "EVENT_BASED" ? "EVENT_BASED" : "ASYNC_THREAD",
    syncedAtMs: msOrNull(syncTimestamp) ?? writtenAtMs(contents.version),
  };
}

/** What the server sends of a row where only {@link ShadowContents} are wanted: half the work of reading it. */
export const CONTENTS_FIELDS = {
  lastValue: 1,
  valueHash: 1,
  version: 1,
  expiresAt: 1,
  deleted: 1,
} as const satisfies mongo.Document;

export type ContentsRow = Pick<StoredRow, "_id" | keyof typeof CONTENTS_FIELDS>;

/** As {@link decodeRow}. */
export function decodeContents(row: ContentsRow): ShadowContents {
  const hash = textOrNull(row.valueHash) ?? "";
  return {
    key: row._id,
    version: decodeVersion(row.version),
    value: row.deleted === true ? null : decodeLive(row.lastValue, hash),
    hash,
    expiresAtMs: msOrNull(row.expiresAt),
  };
}

export function decodeVersion(stored: unknown): Version {
  return typeof stored === "string" && isVersion(stored) ? stored : NO_VERSION;
}

/** What {@link decodeVersion} says, judged by the server. Total, as an expression that throws would fail the whole write. */
export const ROW_VERSION: mongo.Document = {
  $cond: [isVersionExpression(), "$version", NO_VERSION],
};

/**
 * The replacement, unless the server's clock is past `until`. An upsert cannot do nothing where there is no row: it would
 * insert whatever the expression gives. So the expression fails, and the whole statement with it: an
 * `_id` behind a word is no number. Were it a constant, the server would work it out beforehand and fail always.
 */
export function unlessExpired(until: Date, replacement: unknown): mongo.Document {
  const failure = { $toInt: { $concat: ["expired: ", "$_id"] } };
  return { $cond: [{ $gt: ["$$NOW", until] }, failure, replacement] };
}

/**
 * Replaces the row by `row` unless it already has that version or a newer one. The filter must be
 * `_id` alone: with a condition on the version in the filter, every stale write would be tried as an
 * insert and fail. The literal keeps a value that begins with $ from being read as an expression.
 */
export function replaceIfNewer(row: ShadowRow, until: Date): mongo.Document[] {
  // The pattern is only looked at where the comparison says stale, which keeps it off the usual path.
  const isStale = { $and: [{ $gte: ["$version", row.version] }, isVersionExpression()] };
  const newer = { $cond: [isStale, "$$ROOT", replacementOf(row)] };
  return [{ $replaceWith: unlessExpired(until, newer) }];
}

/** The row as it will stand: where it brings no idempotency records, the ones that stand there stay. */
export function replacementOf(row: ShadowRow): mongo.Document {
  if (row.idempotency !== undefined) return { $literal: row };
  // A field that is missing there stays missing. The server takes no longer for it than for the plain row (measured).
  return {
    $setField: { field: "idempotency", input: { $literal: row }, value: "$idempotency" },
  };
}

function isVersionExpression(): mongo.Document {
  const text = { $cond: [{ $eq: [{ $type: "$version" }, "string"] }, "$version", ""] };
  return { $regexMatch: { input: text, regex: "^[0-9]{24}\\z" } };
}

/** Records that another hand has spoilt are none: a write is then made again rather than refused for ever. */
export function decodeRecords(stored: unknown): IdempotencyRecords | undefined {
  if (!Array.isArray(stored)) return undefined;
  return stored.filter(isRecord).map(({ keyHash, argumentsHash, version }) => ({
    keyHash,
    argumentsHash,
    version,
  }));
}

function isRecord(stored: unknown): stored is IdempotencyRecord {
  const { keyHash, argumentsHash, version } = fieldsOf(stored);
  return (
    typeof keyHash === "string" &&
    typeof argumentsHash === "string" &&
    typeof version === "string" &&
    isVersion(version)
  );
}

/** Where a live row's value is gone, what is left is no tombstone but a value that its hash does not match. */
function decodeLive(stored: unknown, hash: string): string | null {
  return decodeValue(stored) ?? (hash === "" ? null : "");
}

function decodeValue(stored: unknown): string | null {
  if (stored === null || stored === undefined) return null;
  return typeof stored === "string" ? stored : mongoose.mongo.BSON.EJSON.stringify(stored);
}

function fieldsOf(stored: unknown): Readonly<Record<string, unknown>> {
  return typeof stored === "object" && stored !== null ? { ...stored } : {};
}

export function textOrNull(stored: unknown): string | null {
  return typeof stored === "string" ? stored : null;
}

export function msOrNull(stored: unknown): number | null {
  // A date outside JavaScript's range comes back as an invalid one.
  return stored instanceof Date && Number.isFinite(stored.getTime()) ? stored.getTime() : null;
}

export function dateOrNull(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
