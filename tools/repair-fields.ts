import { z } from "zod";
import type { RepairAction, RepairStrategy } from "../src/verify/plan-repair.ts";
import { copyClass } from "./copy-class.ts";

const ACTIONS = [
  "none",
  "sync_now",
  "follow_cache",
  "follow_store",
  "remove",
  "project",
  "drop_copy",
  "drop_marker",
  "stamp",
  "warm",
] as const satisfies readonly RepairAction[];

const STRATEGIES = [
  "auto",
  "cache",
  "store",
  "newest",
] as const satisfies readonly RepairStrategy[];

export const repairAction = z
  .enum(ACTIONS)
  .describe(
    "sync_now: the waiting write went to the store. follow_cache, follow_store: that side's value, newly versioned, on both. remove: deleted on both. project: the cached write went to the store as it is. drop_copy, drop_marker: forgotten in the cache. stamp: the cached value got its version back. warm: the stored value went into the cache.",
  );

export const repairStrategy = z
  .enum(STRATEGIES)
  .default("auto")
  .describe(
    "auto: by cause. cache: the store is made like the cache (only in the cache → created, only in the store → removed, both → the cache's value). store: the reverse. newest: the side with the later version. A write that is on its way to the store is brought there whatever this says.",
  );

/** What one plan would do to one key. */
export const plannedKey = z.strictObject({
  key: z.string(),
  class: copyClass,
  action: repairAction,
});

export const planId = z
  .string()
  .min(1)
  .max(64)
  .describe("The planId that plan_sync_repair answered.");

/** Keys that were left as they are, because they had changed. */
export const movedKeys = z.array(z.string()).describe("The first 100 of them.");

export const failedKeys = z
  .array(z.strictObject({ key: z.string(), cause: z.string() }))
  .describe("The first 100 of them, and why each was left as it is.");

/** How many of each there are; those that do not occur are left out. */
export const tally = z.record(z.string(), z.number());
