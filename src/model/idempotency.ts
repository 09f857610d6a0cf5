import { contentHash, SHORT_HASH_HEX } from "./content-hash.ts";
import type { Version } from "./version.ts";
import type { WriteCommand } from "./write-command.ts";

/** So many idempotency keys are remembered for each key; the oldest goes first. */
export const RECORDS_MAX = 4;

/** An idempotency key and what it was used for, both as the first 16 bytes of a SHA-256 in hex: short and of one size, whatever a caller sends. */
export interface IdempotencyMark {
  readonly keyHash: string;
  readonly argumentsHash: string;
}

/** A mark, and the version that its write was given. */
export interface IdempotencyRecord extends IdempotencyMark {
  readonly version: Version;
}

/** Oldest first, at most {@link RECORDS_MAX}. */
export type IdempotencyRecords = readonly IdempotencyRecord[];

/** The arguments are what the key would hold afterwards and under which condition, not who asks or how long they wait. */
export function markOf(idempotencyKey: string, command: WriteCommand): IdempotencyMark {
  const what = command.op === "set" ? [command.hash, command.ttlMs] : [];
  const { condition = null } = command;
  return {
    keyHash: shortHashOf(idempotencyKey),
    argumentsHash: shortHashOf(JSON.stringify([command.op, ...what, condition])),
  };
}

/** The first write that carried this idempotency key: undefined where none is remembered, "other" where it had other arguments. */
export function recall(
  records: IdempotencyRecords,
  mark: IdempotencyMark,
): IdempotencyRecord | "other" | undefined {
  const record = records.find(({ keyHash }) => keyHash === mark.keyHash);
  return record === undefined || record.argumentsHash === mark.argumentsHash ? record : "other";
}

export function remember(
  records: IdempotencyRecords,
  mark: IdempotencyMark,
  version: Version,
): IdempotencyRecords {
  return [...records, { ...mark, version }].slice(-RECORDS_MAX);
}

/** The version of the write that carried this idempotency key, whatever its arguments were; undefined where none is remembered. */
export function versionUnder(
  records: IdempotencyRecords,
  idempotencyKey: string,
): Version | undefined {
  const wanted = shortHashOf(idempotencyKey);
  return records.find(({ keyHash }) => keyHash === wanted)?.version;
}

/** Of the records of a later write, those that the write with this version had. */
export function upTo(records: IdempotencyRecords, version: Version): IdempotencyRecords {
  return records.filter((record) => record.version <= version);
}

function shortHashOf(text: string): string {
  return contentHash(text).slice(0, SHORT_HASH_HEX);
}
