import type { CacheObservation } from "../cache/cache-port.ts";
import { type Entry, isDead, isExpired, matchesOwnHash, newestOf } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { CopyClass, Look } from "./classify.ts";

export type RepairStrategy = "auto" | "cache" | "store" | "newest";

/**
 * What a repair does, in the words the caller reads:
 * - none: nothing needs doing, or nothing may be done (`why` says which)
 * - sync_now: bring the waiting write to the store
 * - follow_cache: the cached value, under a new version, on both sides
 * - follow_store: the stored value, under a new version, on both sides
 * - remove: a tombstone under a new version on both sides
 * - project: bring the cached entry to the store as it is
 * - drop_copy: forget the cached copy; the next read fills it
 * - drop_marker: forget a pending mark whose write nobody holds
 * - stamp: give the cached value the version of the equal stored one
 * - warm: bring the stored entry into the cache as it is
 */
export type RepairAction =
  | "none"
  | "sync_now"
  | "follow_cache"
  | "follow_store"
  | "remove"
  | "project"
  | "drop_copy"
  | "drop_marker"
  | "stamp"
  | "warm";

export interface RepairPlan {
  readonly action: RepairAction;
  /** Set where nothing is done although something is wrong. */
  readonly why?: string;
}

const FOREIGN_TYPE: RepairPlan = {
  action: "none",
  why: "The key holds another Redis type, which belongs to another program and is never touched.",
};

/**
 * Classes in which no strategy has anything to choose between: both sides say the same, or will in a moment. A write on
 * its way to the store was made by someone just now; taking either side for what should be would undo it or write it twice.
 */
const UNDISPUTED: ReadonlySet<CopyClass> = new Set([
  "ok",
  "deleted",
  "expired",
  "absent",
  "pending",
]);

/** Decides the repair. Pure; `auto` is the repair column of the class table. */
export function planRepair(look: Look, copyClass: CopyClass, strategy: RepairStrategy): RepairPlan {
  if (look.cache.foreignType !== undefined) return FOREIGN_TYPE;
  if (UNDISPUTED.has(copyClass)) return auto(look, copyClass);
  switch (strategy) {
    case "auto":
      return auto(look, copyClass);
    case "cache":
      return followCache(look);
    case "store":
      return followStore(look);
    case "newest":
      return newestIsCached(look) ? followCache(look) : followStore(look);
  }
}

/** What the store holds of a key: the newest of its row and of the events that wait to be applied to it. */
export function storedEntry({ events, shadow }: Look): Entry | undefined {
  return newestOf([
    ...(shadow === undefined ? [] : [shadow]),
    ...events.map((event) => event.entry),
  ]);
}

/** The newest version that either side has of a key; null = neither has one. */
export function newestVersion(look: Look): Version | null {
  const { meta } = look.cache;
  const stored = storedEntry(look);
  const versions = [meta?.version, stored?.version].filter((version) => version !== undefined);
  return newestOf(versions.map((version) => ({ version })))?.version ?? null;
}

/**
 * The cache is believed wherever its state is evidence of what a person or program did, and never where it is merely
 * empty after an eviction or a restart.
 */
function auto(look: Look, copyClass: CopyClass): RepairPlan {
  const { cache, shadow } = look;
  switch (copyClass) {
    case "ok":
      return cache.meta === undefined ? { action: "stamp" } : { action: "none" };
    case "pending":
    case "overdue":
      return { action: "sync_now" };
    case "missing":
      return { action: "project" };
    case "stale":
      return { action: "drop_copy" };
    case "diverged":
      if (cache.value !== undefined) return { action: "follow_cache" };
      // A live meta without its value is only a wrong memory of the key; a tombstone or an expiry is a fact.
      return cachesTheEnd(cache) ? { action: "remove" } : { action: "drop_copy" };
    case "changed_outside":
    case "unmanaged":
      return { action: "follow_cache" };
    case "removed_outside":
      return { action: "remove" };
    case "lost":
      return cache.markerSeq === undefined
        ? {
            action: "none",
            why: "The value of the last write is on neither side. Write or delete the key; strategy store goes back to what the store has.",
          }
        : { action: "drop_marker" };
    case "corrupt":
      return {
        action: "none",
        why: `The stored value of version ${shadow?.version ?? "unknown"} does not match its hash, and the cache holds no sound copy. Strategy store believes the stored value as it is.`,
      };
    case "cold":
    case "deleted":
    case "expired":
    case "absent":
      return { action: "none" };
  }
}

/** The plain rules: only in the cache → create it in the store; only in the store → remove it there; both → the store follows. */
function followCache(look: Look): RepairPlan {
  if (look.cache.value !== undefined) return { action: "follow_cache" };
  return isStored(look) ? { action: "remove" } : { action: "none" };
}

/** The reverse of {@link followCache}. */
function followStore(look: Look): RepairPlan {
  const { cache, events, shadow } = look;
  const { value, meta, markerSeq } = cache;
  if (isStored(look)) {
    if (value !== undefined || meta !== undefined || markerSeq !== undefined)
      return { action: "follow_store" };
    // A row may only be taken into the cache as it is while nothing newer waits behind it, and while it is sound.
    if (events.length > 0) return { action: "sync_now" };
    const sound = shadow !== undefined && matchesOwnHash(shadow);
    return { action: sound ? "warm" : "follow_store" };
  }
  if (value !== undefined) return { action: "remove" };
  if (meta === undefined || cachesTheEnd(cache)) return { action: "none" };
  return { action: markerSeq === undefined ? "drop_copy" : "remove" };
}

function isStored(look: Look): boolean {
  const stored = storedEntry(look);
  return stored !== undefined && !isDead(stored, look.cache.nowMs);
}

/** The cache remembers a delete or an expiry. */
export function cachesTheEnd({ meta, nowMs }: CacheObservation): boolean {
  return meta !== undefined && (meta.tombstone || isExpired(meta.expiresAtMs, nowMs));
}

/**
 * A value without meta has no version, so the store's is newer; a live meta without its value is no copy that could win,
 * or the last good one would go because of an eviction.
 */
function newestIsCached(look: Look): boolean {
  const { value, meta } = look.cache;
  const stored = storedEntry(look);
  if (meta === undefined) return stored === undefined;
  if (value === undefined && !cachesTheEnd(look.cache)) return false;
  return stored === undefined || meta.version >= stored.version;
}
