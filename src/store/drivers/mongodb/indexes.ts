import type { mongo } from "mongoose";
import { OUTBOX, RECORDS, SHADOW } from "./collections.ts";

/** What a start makes in each collection, beside the one index that carries the retention time. */
export const INDEXES: Readonly<Record<string, readonly mongo.IndexDescription[]>> = {
  [SHADOW]: [
    { key: { lastWriteAt: 1 } },
    { key: { bucket: 1, version: 1 } },
    { key: { purgeAt: 1 } },
  ],
  [OUTBOX]: [
    { key: { processed: 1, ts: 1 } },
    { key: { "payload.bucket": 1, "payload.version": 1 } },
    { key: { "payload.key": 1 }, partialFilterExpression: { processed: false } },
    { key: { state: 1, _id: 1 }, partialFilterExpression: { processed: false, state: "dead" } },
  ],
  [RECORDS]: [
    { key: { "_id.kind": 1, at: -1, "_id.id": -1 } },
    { key: { "_id.kind": 1, group: 1, at: -1, "_id.id": -1 } },
    { key: { expiresAt: 1 }, expireAfterSeconds: 0 },
  ],
};

/** By which applied events expire. */
export const RETENTION_KEY = { processedAt: 1 } as const;
