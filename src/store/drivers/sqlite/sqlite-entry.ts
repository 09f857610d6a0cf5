import type { Entry } from "../../../model/entry.ts";
import type { IdempotencyRecords } from "../../../model/idempotency.ts";

/** The columns that row and event have in common. */
export interface EntryRow {
  readonly key: Uint8Array;
  readonly version: string;
  readonly deleted: number;
  readonly expires_at: number | null;
  readonly session_id: Uint8Array | null;
  readonly interaction_id: Uint8Array | null;
  /** As {@link recordsText} writes it. */
  readonly idempotency: string | null;
  readonly hash: string;
  readonly value: Uint8Array | null;
}

export function toEntry(row: EntryRow): Entry {
  const records = recordsOf(row.idempotency);
  return {
    key: textOf(row.key),
    version: row.version,
    // Where a live row's value is gone, what is left is no tombstone but a value that its hash does not match.
    value: row.deleted === 1 ? null : textOf(row.value ?? new Uint8Array()),
    hash: row.hash,
    expiresAtMs: row.expires_at,
    sessionId: textOrNull(row.session_id),
    interactionId: textOrNull(row.interaction_id),
    ...(records === undefined ? {} : { idempotency: records }),
  };
}

/** For each record its three fields, in an array; null where nothing is known. */
export function recordsText(records: IdempotencyRecords | undefined): string | null {
  if (records === undefined) return null;
  return JSON.stringify(
    records.map(({ keyHash, argumentsHash, version }) => [keyHash, argumentsHash, version]),
  );
}

export function recordsOf(text: string | null): IdempotencyRecords | undefined {
  if (text === null) return undefined;
  const rows = JSON.parse(text) as [string, string, string][];
  return rows.map(([keyHash, argumentsHash, version]) => ({ keyHash, argumentsHash, version }));
}

/** UTF-8, as everything that users wrote is kept. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

export function bytesOrNull(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text);
}

/** Buffer's own decoder keeps a leading byte order mark, which TextDecoder would drop. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function textOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : textOf(bytes);
}
