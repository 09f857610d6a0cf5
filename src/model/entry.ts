import { contentHash } from "./content-hash.ts";
import type { IdempotencyRecords } from "./idempotency.ts";
import type { Version } from "./version.ts";

/** How a write reached the shadow: in its own call, or by an event that the projector applied. */
export type SyncMethod = "ASYNC_THREAD" | "EVENT_BASED";

/** Who wrote, in the words of the caller; kept for people and never interpreted. */
export interface WriterIds {
  readonly sessionId: string | null;
  readonly interactionId: string | null;
}

/** One version of one key. A delete is an entry too: a tombstone, whose value is null. */
export interface Entry extends WriterIds {
  readonly key: string;
  readonly version: Version;
  /** The stored text; null marks a tombstone. */
  readonly value: string | null;
  /** {@link contentHash} of the value's UTF-8 bytes; empty for a tombstone. */
  readonly hash: string;
  /** Data TTL as a point in time, milliseconds since 1970; null = never. */
  readonly expiresAtMs: number | null;
  /** The last idempotency keys of the key, this write's among them. Absent: whoever minted it did not know of any, and the row keeps its own. */
  readonly idempotency?: IdempotencyRecords;
}

/** An entry as the store keeps it, with how and when it arrived there. */
export interface ShadowEntry extends Entry {
  readonly syncMethod: SyncMethod;
  /** Milliseconds since 1970, by the clock of the process that wrote the row. */
  readonly syncedAtMs: number;
}

/** What is compared of a row, and nothing else of it. */
export type ShadowContents = Pick<Entry, "key" | "version" | "value" | "hash" | "expiresAtMs">;

/** What tells of a row without its value: what is compared where values are not to be moved. */
export interface ShadowDigest {
  readonly key: string;
  readonly version: Version;
  /** As stored; whether the value still matches it can only be told from the value. */
  readonly hash: string;
  /** Length of the stored value in UTF-8; null in a tombstone, {@link NOT_TEXT} where another hand has put something else than text. */
  readonly valueBytes: number | null;
  readonly expiresAtMs: number | null;
}

/** The length of what is no text: no text has it. */
export const NOT_TEXT = -1;

/** A tombstone or an expired value: nothing a reader may see. */
export function isDead(entry: Pick<Entry, "value" | "expiresAtMs">, nowMs: number): boolean {
  return entry.value === null || isExpired(entry.expiresAtMs, nowMs);
}

export function isExpired(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** A row that someone edited by hand, or a disk changed, no longer matches the hash written with it. A tombstone has nothing to match. */
export function matchesOwnHash({ value, hash }: Pick<Entry, "value" | "hash">): boolean {
  return value === null || contentHash(value) === hash;
}

/** The newer of two entries of one key; records that it does not know of come from the older one, as a row would keep them. */
export function newerOf<T extends Entry>(one: T, other: T): T {
  const [newer, older] = one.version > other.version ? [one, other] : [other, one];
  if (newer.idempotency !== undefined || older.idempotency === undefined) return newer;
  return { ...newer, idempotency: older.idempotency };
}

/** Each key once, with its newest entry, as {@link newerOf} says it. */
export function newestOfEach(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  const newest = new Map<string, Entry>();
  for (const entry of entries) {
    const known = newest.get(entry.key);
    newest.set(entry.key, known === undefined ? entry : newerOf(entry, known));
  }
  return newest;
}

/** The newest of several entries of one key. */
export function newestOf<T extends Pick<Entry, "version">>(entries: readonly T[]): T | undefined {
  let newest: T | undefined;
  for (const entry of entries) {
    if (newest === undefined || entry.version > newest.version) newest = entry;
  }
  return newest;
}

/**
 * When a dead row may be forgotten: the grace time after a delete or an expiry. Within it an older
 * write that arrives late still meets the newer version; rows that live for ever are never purged.
 */
export function purgeAtMs(
  entry: Pick<Entry, "value" | "expiresAtMs">,
  writtenAtMs: number,
  graceMs: number,
): number | null {
  if (entry.value === null) return writtenAtMs + graceMs;
  return entry.expiresAtMs === null ? null : entry.expiresAtMs + graceMs;
}
