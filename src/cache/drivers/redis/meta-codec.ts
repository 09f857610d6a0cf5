import type { WriterIds } from "../../../model/entry.ts";
import type {
  IdempotencyMark,
  IdempotencyRecord,
  IdempotencyRecords,
} from "../../../model/idempotency.ts";
import { epochOf, formatVersion, seqOf, type Version } from "../../../model/version.ts";
import type { CacheMeta } from "../../cache-port.ts";

const EPOCH_AT = 1;
const SEQ_HIGH_AT = 5;
const SEQ_LOW_AT = 8;
const HASH_AT = 12;
const HASH_BYTES = 16;
const DEADLINE_AT = HASH_AT + HASH_BYTES;
const VERSION_BYTES = HASH_AT - EPOCH_AT;
const RECORD_BYTES = 2 * HASH_BYTES + VERSION_BYTES;

const NUMBER_SIGN = 0x23;
const BAR = 0x7c;

/** Reads the packed meta that the scripts write; its layout is described in scripts/prelude.lua. */
export function decodeMeta(packed: Buffer): CacheMeta {
  let at = DEADLINE_AT;
  while (isDigit(packed[at])) at += 1;
  const deadline = packed.toString("latin1", DEADLINE_AT, at);
  const idsAt = packed[at] === NUMBER_SIGN ? at + 2 + RECORD_BYTES * (packed[at + 1] ?? 0) : at;
  const records = packed.subarray(at, idsAt);
  const tombstone = packed[0] === "T".charCodeAt(0);
  return {
    version: unpackVersion(packed.subarray(EPOCH_AT)),
    shortHash: tombstone ? "" : packed.toString("hex", HASH_AT, DEADLINE_AT),
    expiresAtMs: deadline === "" ? null : Number(deadline),
    tombstone,
    ...(records.length === 0 ? {} : { idempotency: unpackRecords(records) }),
    ...(packed[idsAt] === BAR
      ? decodeIds(packed.toString("utf8", idsAt + 1))
      : { sessionId: null, interactionId: null }),
  };
}

/** The bytes that {@link decodeMeta} read, up to the ids: the encoding is canonical, so a guard can compare them. */
export function encodeMeta(meta: Omit<CacheMeta, keyof WriterIds>): Buffer {
  return Buffer.concat([
    Buffer.from(meta.tombstone ? "T" : "L"),
    packVersion(meta.version),
    hashBytes(meta.shortHash),
    Buffer.from(String(meta.expiresAtMs ?? "")),
    packRecords(meta.idempotency),
  ]);
}

/** Idempotency records as meta and scripts have them; empty where there are none. */
export function packRecords(records: IdempotencyRecords = []): Buffer {
  if (records.length === 0) return Buffer.alloc(0);
  return Buffer.concat([
    Buffer.from([NUMBER_SIGN, records.length]),
    ...records.flatMap((record) => [packMark(record), packVersion(record.version)]),
  ]);
}

export function packMark({ keyHash, argumentsHash }: IdempotencyMark): Buffer {
  return Buffer.from(keyHash + argumentsHash, "hex");
}

/** What {@link packRecords} has packed. */
export function unpackRecords(packed: Buffer): IdempotencyRecords {
  const records: IdempotencyRecord[] = [];
  for (let at = 2; at + RECORD_BYTES <= packed.length; at += RECORD_BYTES) {
    const versionAt = at + 2 * HASH_BYTES;
    records.push({
      keyHash: packed.toString("hex", at, at + HASH_BYTES),
      argumentsHash: packed.toString("hex", at + HASH_BYTES, versionAt),
      version: unpackVersion(packed.subarray(versionAt)),
    });
  }
  return records;
}

/** The first 16 bytes of a hex SHA-256; zero bytes for a tombstone's empty hash. */
export function hashBytes(hexHash: string): Buffer {
  return hexHash === ""
    ? Buffer.alloc(HASH_BYTES)
    : Buffer.from(hexHash.slice(0, HASH_BYTES * 2), "hex");
}

/** The ids as the meta keeps them until the shadow has the write; empty where there are none. */
export function encodeIds(ids: WriterIds): string {
  if (ids.sessionId === null && ids.interactionId === null) return "";
  return JSON.stringify([ids.sessionId, ids.interactionId]);
}

/** Seq has 7 bytes, of which the lower 4 and the upper 3 are read apart: one integer read takes at most 6. */
function unpackVersion(packed: Buffer): Version {
  const seq =
    packed.readUIntBE(SEQ_HIGH_AT - EPOCH_AT, 3) * 2 ** 32 +
    packed.readUInt32BE(SEQ_LOW_AT - EPOCH_AT);
  return formatVersion(packed.readUInt32BE(0), seq);
}

function packVersion(version: Version): Buffer {
  const seq = seqOf(version);
  const packed = Buffer.alloc(VERSION_BYTES);
  packed.writeUInt32BE(epochOf(version));
  packed.writeUIntBE(Math.floor(seq / 2 ** 32), SEQ_HIGH_AT - EPOCH_AT, 3);
  packed.writeUInt32BE(seq % 2 ** 32, SEQ_LOW_AT - EPOCH_AT);
  return packed;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Ids that someone spoilt are no reason to fail a read. */
function decodeIds(text: string): WriterIds {
  let ids: unknown;
  try {
    ids = JSON.parse(text);
  } catch {
    ids = [];
  }
  const [sessionId, interactionId] = Array.isArray(ids) ? (ids as unknown[]) : [];
  return { sessionId: textOrNull(sessionId), interactionId: textOrNull(interactionId) };
}

function textOrNull(id: unknown): string | null {
  return typeof id === "string" ? id : null;
}
