import type { mongo } from "mongoose";
import { FIRST_EPOCH } from "../../../model/version.ts";
import type { StateDocument } from "./collections.ts";

/** The state document of one bucket. */
export interface BucketDocument extends StateDocument {
  readonly epoch: number;
  /** The incarnation of the cache for which it was raised last. */
  readonly raisedFor?: string;
  /** Where versions are minted by the store: the last seq. */
  readonly lastSeq?: number;
  /** Absent where nothing was ever purged. */
  readonly highestPurged?: string;
}

export function idOf(bucket: number): string {
  return `bucket:${bucket}`;
}

/** The document's epoch, judged by the server; the first one where there is none, or none that is a number. */
export const EPOCH: mongo.Document = {
  $max: [{ $cond: [{ $isNumber: "$epoch" }, "$epoch", FIRST_EPOCH] }, FIRST_EPOCH],
};
