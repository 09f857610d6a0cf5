import type { mongo } from "mongoose";
import { NOT_TEXT, type ShadowDigest } from "../../../model/entry.ts";
import { decodeVersion, msOrNull, type StoredRow, textOrNull } from "./shadow-row.ts";

/** What the server sends of a row: the length of the value in its place. */
export const DIGEST_FIELDS: mongo.Document = {
  version: 1,
  valueHash: 1,
  expiresAt: 1,
  deleted: 1,
  valueBytes: {
    $cond: [
      { $eq: [{ $type: "$lastValue" }, "string"] },
      { $strLenBytes: "$lastValue" },
      // A missing field comes before null.
      { $cond: [{ $lte: ["$lastValue", null] }, null, NOT_TEXT] },
    ],
  },
};

/** A row as {@link DIGEST_FIELDS} shows it. */
export type DigestRow = Pick<
  StoredRow,
  "_id" | "version" | "valueHash" | "expiresAt" | "deleted"
> & {
  readonly valueBytes?: number | null;
};

/** Reads what another hand may have edited in the same way as a whole row is read. */
export function decodeDigest(row: DigestRow): ShadowDigest {
  const hash = textOrNull(row.valueHash) ?? "";
  return {
    key: row._id,
    version: decodeVersion(row.version),
    hash,
    valueBytes: row.deleted === true ? null : (row.valueBytes ?? (hash === "" ? null : 0)),
    expiresAtMs: msOrNull(row.expiresAt),
  };
}
