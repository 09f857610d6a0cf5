import mongoose, { type mongo } from "mongoose";
import { bucketOf } from "../../../model/bucket.ts";
import type { Entry } from "../../../model/entry.ts";
import type { IdempotencyRecords } from "../../../model/idempotency.ts";
import { isVersion } from "../../../model/version.ts";
import type { DeadLetter, OutboxEvent } from "../../outbox-port.ts";
import { dateOrNull, decodeRecords, msOrNull, textOrNull } from "./shadow-row.ts";

/** A document of `outbox`. `db.outbox.find({processed: false})` shows people what waits. */
export interface OutboxDocument {
  readonly _id: mongo.ObjectId;
  readonly type: "KVMutated";
  /** When it was appended, by the clock of the process that did. */
  readonly ts: Date;
  readonly payload: {
    readonly op: "set" | "delete";
    readonly key: string;
    readonly bucket: number;
    readonly value: string | null;
    readonly version: string;
    readonly hash: string;
    readonly expiresAt: Date | null;
    readonly sessionId: string | null;
    readonly interactionId: string | null;
    readonly idempotency?: IdempotencyRecords;
  };
  readonly processed: boolean;
  readonly attempts: number;
  /** By the server's clock; null and past mean free. */
  readonly leaseUntil: Date | null;
  /** Who holds the lease; and `claim`, which one of the owner's claims took it. */
  readonly owner: string | null;
  readonly claim: string | null;
  readonly processedAt: Date | null;
  /** A dead event is parked: it was refused too often or cannot be read, and is claimed again only after a replay. */
  readonly state: "waiting" | "done" | "dead";
  /** Why and since when it is parked. */
  readonly cause?: string;
  readonly deadAt?: Date;
}

/** A document of `outbox` as it is found: another hand may have edited or added it. */
export type StoredEvent = { readonly _id: unknown } & {
  readonly [Field in Exclude<keyof OutboxDocument, "_id">]?: unknown;
};

/** What a parked document says about itself, as far as it can be read. */
export function decodeLetter(document: StoredEvent): DeadLetter {
  const { _id, cause, attempts, deadAt } = document;
  const event = decodeEvent(document);
  return {
    id: String(_id),
    key: event?.entry.key ?? null,
    version: event?.entry.version ?? null,
    cause: textOrNull(cause) ?? "",
    attempts: typeof attempts === "number" ? attempts : 0,
    sinceMs: msOrNull(deadAt),
  };
}

export function encodeEvent(entry: Entry, nowMs: number): OutboxDocument {
  return {
    _id: new mongoose.mongo.ObjectId(),
    type: "KVMutated",
    ts: new Date(nowMs),
    payload: {
      op: entry.value === null ? "delete" : "set",
      key: entry.key,
      bucket: bucketOf(entry.key),
      value: entry.value,
      version: entry.version,
      hash: entry.hash,
      expiresAt: dateOrNull(entry.expiresAtMs),
      sessionId: entry.sessionId,
      interactionId: entry.interactionId,
      ...(entry.idempotency === undefined ? {} : { idempotency: entry.idempotency }),
    },
    processed: false,
    attempts: 0,
    leaseUntil: null,
    owner: null,
    claim: null,
    processedAt: null,
    state: "waiting",
  };
}

/** undefined where the document does not say which version of which key has which value. */
export function decodeEvent(document: StoredEvent): OutboxEvent | undefined {
  const { payload, attempts } = document;
  if (!(document._id instanceof mongoose.mongo.ObjectId)) return undefined;
  if (typeof payload !== "object" || payload === null) return undefined;
  const { key, version, value, hash, expiresAt, sessionId, interactionId, idempotency } =
    payload as PayloadFields;
  if (typeof key !== "string" || typeof version !== "string" || !isVersion(version))
    return undefined;
  if (typeof hash !== "string" || (typeof value !== "string" && value !== null)) return undefined;
  const records = decodeRecords(idempotency);
  return {
    ...(document.state === "dead" ? { dead: true as const } : {}),
    id: document._id.toHexString(),
    entry: {
      key,
      version,
      value,
      hash,
      expiresAtMs: msOrNull(expiresAt),
      sessionId: textOrNull(sessionId),
      interactionId: textOrNull(interactionId),
      ...(records === undefined ? {} : { idempotency: records }),
    },
    attempts: typeof attempts === "number" ? attempts : 0,
  };
}

/** The ids that can be ids of events; others belong to no event. */
export function toObjectIds(ids: readonly string[]): mongo.ObjectId[] {
  return ids
    .filter((id) => /^[0-9a-f]{24}$/.test(id))
    .map((id) => mongoose.mongo.ObjectId.createFromHexString(id));
}

type PayloadFields = { readonly [Field in keyof OutboxDocument["payload"]]?: unknown };
