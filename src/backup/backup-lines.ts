import { createHash } from "node:crypto";
import type { ShadowEntry } from "../model/entry.ts";
import type { IdempotencyRecords } from "../model/idempotency.ts";
import type { Version } from "../model/version.ts";

/** Raised whenever an older release could misread what this one writes. */
export const BACKUP_FORMAT = 1;

/** The first line of a backup. */
export interface BackupHeader {
  readonly lockstep: "backup";
  readonly format: number;
  readonly storeId: string;
  readonly storeKind: string;
  /** ISO 8601. What was in the store then is in the file. */
  readonly startedAt: string;
  /** About how many rows there were then. */
  readonly about: number;
  /** Of each bucket of which anything was ever purged, the highest version that was, as it stood then. */
  readonly highestPurged: Readonly<Record<string, Version>>;
}

/** The line that ends a chunk of rows. */
export interface ChunkEnd {
  /** Counted from 1. */
  readonly chunk: number;
  readonly rows: number;
  /** The last key of the rows so far, after which a backup goes on; null before the first row of the shadow itself. */
  readonly after: string | null;
}

/** The last line. */
export interface BackupEnd {
  readonly end: true;
  readonly chunks: number;
  readonly rows: number;
}

/** How every line of a row begins, and no other. */
export const ROW_START = '{"key":';

export function rowLine(row: ShadowEntry): string {
  const { key, version, value, hash, expiresAtMs, sessionId, interactionId, idempotency } = row;
  const { syncMethod, syncedAtMs } = row;
  const written = { key, version, value, hash, expiresAtMs, sessionId, interactionId };
  return `${JSON.stringify({ ...written, idempotency, syncMethod, syncedAtMs })}\n`;
}

/** A row of a line whose checksum has been found right. */
export function rowOf(line: string): ShadowEntry {
  const { idempotency, ...row } = JSON.parse(line) as ShadowEntry & {
    readonly idempotency?: IdempotencyRecords;
  };
  return idempotency === undefined ? row : { ...row, idempotency };
}

export interface SealedLine {
  readonly line: string;
  /** Covers this line, what stood before it in its chunk, and everything before that. */
  readonly sha256: string;
}

/**
 * A line that ends a part of the file. Its checksum goes on from the one before, so that a part that is missing, twice,
 * or in another place is noticed like one that is damaged.
 */
export function seal(
  before: string,
  rows: Uint8Array | string,
  fields: BackupHeader | ChunkEnd | BackupEnd,
): SealedLine {
  const text = JSON.stringify(fields);
  const sha256 = createHash("sha256").update(before).update(rows).update(text).digest("hex");
  return { line: `${text.slice(0, -1)},"sha256":"${sha256}"}\n`, sha256 };
}
