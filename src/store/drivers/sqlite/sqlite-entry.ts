import type { Entry } from "../../../model/entry.ts";

/** The columns that row and event have in common. */
export interface EntryRow {
  readonly key: Uint8Array;
  readonly version: string;
  readonly deleted: number;
  readonly expires_at: number | null;
  readonly session_id: Uint8Array | null;
  readonly interaction_id: Uint8Array | null;
  readonly hash: string;
  readonly value: Uint8Array | null;
}

export function toEntry(row: EntryRow): Entry {
  return {
    key: textOf(row.key),
    version: row.version,
    value: row.deleted === 1 || row.value === null ? null : textOf(row.value),
    hash: row.hash,
    expiresAtMs: row.expires_at,
    sessionId: textOrNull(row.session_id),
    interactionId: textOrNull(row.interaction_id),
  };
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
