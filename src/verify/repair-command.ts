import type { CacheObservation } from "../cache/cache-port.ts";
import { contentHash } from "../model/content-hash.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { Look } from "./classify.ts";
import { storedEntry } from "./plan-repair.ts";

/** A value may still be changing under the residency or data TTL that we set: deadlines this close are the same, milliseconds. */
const SAME_DEADLINE_MS = 5;

/** A value that is no text can be compared, but not written again. */
export function canBeAdopted({ cache }: Look): boolean {
  return cache.value?.isText === true;
}

/** The cached value as a new write. Error: VALUE_NOT_TEXT. */
export function cachedCommand(look: Look): WriteCommand {
  const { key, value } = look.cache;
  if (value === undefined) throw new TypeError("Only a key with a cached value follows the cache.");
  if (!value.isText) {
    throw new LockstepError(
      "VALUE_NOT_TEXT",
      `The value of ${JSON.stringify(key)} is not UTF-8 text and cannot be adopted.`,
    );
  }
  return {
    op: "set",
    key,
    value: value.text,
    hash: value.hash,
    ttlMs: dataTtlMs(look.cache),
    ...idsOf(look),
  };
}

/** What the store holds, as a new write: a removal where that is nothing. */
export function storedCommand(look: Look): WriteCommand {
  const stored = storedEntry(look);
  if (stored === undefined || stored.value === null) return removal(look);
  const { key, value, expiresAtMs, sessionId, interactionId } = stored;
  const ttlMs = expiresAtMs === null ? null : Math.max(1, expiresAtMs - look.cache.nowMs);
  // The stored hash may be the very thing that is wrong; the value is what the caller chose to believe.
  return { op: "set", key, value, hash: contentHash(value), ttlMs, sessionId, interactionId };
}

export function removal(look: Look): WriteCommand {
  return { op: "delete", key: look.cache.key, ...idsOf(look) };
}

/**
 * The TTL that belongs to the value. One that the other program set is adopted; one that we set ourselves (value and
 * meta run out together) may be mere residency, so meta's own deadline counts.
 */
export function dataTtlMs({ ttlMs, metaTtlMs, meta, nowMs }: CacheObservation): number | null {
  const ours = meta !== undefined && sameDeadline(ttlMs, metaTtlMs);
  if (!ours) return ttlMs;
  return meta.expiresAtMs === null ? null : Math.max(1, meta.expiresAtMs - nowMs);
}

/** Of what is left to live; null = no end. */
export function sameDeadline(oneMs: number | null, otherMs: number | null): boolean {
  if (oneMs === null || otherMs === null) return oneMs === otherMs;
  return Math.abs(oneMs - otherMs) <= SAME_DEADLINE_MS;
}

function idsOf({ cache, shadow }: Look) {
  return {
    sessionId: cache.meta?.sessionId ?? shadow?.sessionId ?? null,
    interactionId: cache.meta?.interactionId ?? shadow?.interactionId ?? null,
  };
}
