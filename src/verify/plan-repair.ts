import { isDead, newestOf } from "../model/entry.ts";
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

/** Decides the repair. Pure; `auto` is the repair column of the class table. */
export function planRepair(look: Look, copyClass: CopyClass, strategy: RepairStrategy): RepairPlan {
  if (look.cache.foreignType !== undefined) return FOREIGN_TYPE;
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
      // The cache says alive but holds nothing: only its memory of the key is wrong. A tombstone is a fact.
      return cache.meta?.tombstone === true ? { action: "remove" } : { action: "drop_copy" };
    case "changed_outside":
    case "unmanaged":
      return { action: "follow_cache" };
    case "removed_outside":
      return { action: "remove" };
    case "lost":
      return cache.markerSeq === undefined ? { action: "drop_copy" } : { action: "drop_marker" };
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
function followCache({ cache, events, shadow }: Look): RepairPlan {
  if (cache.value !== undefined) return { action: "follow_cache" };
  const stored = newestOf([
    ...events.map((event) => event.entry),
    ...(shadow === undefined ? [] : [shadow]),
  ]);
  return stored !== undefined && !isDead(stored, cache.nowMs)
    ? { action: "remove" }
    : { action: "none" };
}

/** The reverse of {@link followCache}. */
function followStore({ cache, shadow }: Look): RepairPlan {
  const storeHasIt = shadow !== undefined && !isDead(shadow, cache.nowMs);
  if (storeHasIt)
    return {
      action: cache.value === undefined && cache.meta === undefined ? "warm" : "follow_store",
    };
  return cache.value === undefined ? { action: "none" } : { action: "remove" };
}

/** A value without meta has no version, so the store's is newer. */
function newestIsCached({ cache, shadow }: Look): boolean {
  if (cache.meta === undefined) return shadow === undefined;
  return shadow === undefined || cache.meta.version >= shadow.version;
}
