import type { mongo } from "mongoose";
import type { OutboxDocument } from "./outbox-document.ts";
import type { StoredRow } from "./shadow-row.ts";

/** What the store knows about itself: `_id: "store"`, `"settings"`, and `"bucket:<n>"` for each bucket. */
export interface StateDocument {
  readonly _id: string;
}

/** Who may do the named job now, by the server's clock. */
export interface LeaseDocument {
  readonly _id: string;
  readonly owner: string;
  readonly until: Date;
}

/** A record of a service. */
export interface RecordDocument {
  readonly _id: { readonly kind: string; readonly id: string };
  readonly group: string;
  readonly at: Date;
  readonly expiresAt: Date | null;
  readonly revision: number;
  /** JSON: a document would give another meaning to some names and numbers. */
  readonly body: string;
}

/** `kvshadow` and `outbox` are read by people; the others carry our name, since the database may hold more than us. */
export const SHADOW = "kvshadow";
export const OUTBOX = "outbox";
export const STATE = "lockstep_state";
export const LEASES = "lockstep_leases";
export const RECORDS = "lockstep_records";

export function shadowOf(database: mongo.Db): mongo.Collection<StoredRow> {
  return database.collection<StoredRow>(SHADOW);
}

export function outboxOf(database: mongo.Db): mongo.Collection<OutboxDocument> {
  return database.collection<OutboxDocument>(OUTBOX);
}

export function stateOf<T extends StateDocument>(database: mongo.Db): mongo.Collection<T> {
  return database.collection<T>(STATE);
}

export function leasesOf(database: mongo.Db): mongo.Collection<LeaseDocument> {
  return database.collection<LeaseDocument>(LEASES);
}

export function recordsOf(database: mongo.Db): mongo.Collection<RecordDocument> {
  return database.collection<RecordDocument>(RECORDS);
}
