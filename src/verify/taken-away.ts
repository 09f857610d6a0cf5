import { shortHash } from "../model/content-hash.ts";
import { isDead, matchesOwnHash } from "../model/entry.ts";
import type { Look } from "./classify.ts";
import { cachesTheEnd, type RepairAction, storedEntry } from "./plan-repair.ts";
import { dataTtlMs, sameDeadline } from "./repair-command.ts";

/** A value that a repair takes away, and what it had left to live; null = it stays. */
export interface TakenAway {
  readonly value: string;
  readonly ttlMs: number | null;
}

/**
 * What a removal or an overwriting takes away from the losing side, be it only another deadline of the same value; null
 * where that is nothing, or nothing that counts. What is older than a write that the other side holds does not count:
 * whoever brought it back would cover the last place where that write stands.
 */
export function takenAway(look: Look, action: RepairAction): TakenAway | null {
  const stored = storedValue(look);
  const cached = cachedValue(look);
  switch (action) {
    case "follow_cache":
      return isSame(stored, cached) || cacheIsAhead(look) ? null : stored;
    case "follow_store":
      return isSame(stored, cached) || storeIsAhead(look) ? null : cached;
    case "remove":
      if (stored !== null) return cacheIsAhead(look) ? null : stored;
      return storeIsAhead(look) ? null : cached;
    // Only copies are dropped to which the store has a later write, or that hold no value.
    case "drop_copy":
    case "none":
    case "sync_now":
    case "project":
    case "drop_marker":
    case "stamp":
    case "warm":
      return null;
  }
}

function storedValue(look: Look): TakenAway | null {
  const { nowMs } = look.cache;
  const stored = storedEntry(look);
  if (stored === undefined || stored.value === null || isDead(stored, nowMs)) return null;
  const { value, expiresAtMs } = stored;
  return { value, ttlMs: expiresAtMs === null ? null : Math.max(1, expiresAtMs - nowMs) };
}

/** Bytes that are no text cannot be kept. */
function cachedValue({ cache }: Look): TakenAway | null {
  const { value } = cache;
  return value?.isText === true ? { value: value.text, ttlMs: dataTtlMs(cache) } : null;
}

function isSame(one: TakenAway | null, other: TakenAway | null): boolean {
  if (one === null || other === null) return one === other;
  return one.value === other.value && sameDeadline(one.ttlMs, other.ttlMs);
}

/** The cache holds a later write than the store, or knows of a later end, and not only its version. */
function cacheIsAhead(look: Look): boolean {
  const { meta, value } = look.cache;
  const stored = storedEntry(look);
  if (meta === undefined || stored === undefined || stored.version >= meta.version) return false;
  return (
    cachesTheEnd(look.cache) || (value !== undefined && shortHash(value.hash) === meta.shortHash)
  );
}

/** The reverse of {@link cacheIsAhead}. A value without version is another program's, which came after ours. */
function storeIsAhead(look: Look): boolean {
  const { meta } = look.cache;
  const stored = storedEntry(look);
  if (meta === undefined || stored === undefined || meta.version >= stored.version) return false;
  return matchesOwnHash(stored);
}
