import { isDead } from "../model/entry.ts";
import type { Look } from "./classify.ts";
import { type RepairAction, storedEntry } from "./plan-repair.ts";
import { dataTtlMs } from "./repair-command.ts";

/** A value that a repair takes away, and what it had left to live; null = it stays. */
export interface TakenAway {
  readonly value: string;
  readonly ttlMs: number | null;
}

/** What a removal or an overwriting takes away from the losing side; null where nothing is. */
export function takenAway(look: Look, action: RepairAction): TakenAway | null {
  const { cache } = look;
  const newest = storedEntry(look);
  const remaining = (expiresAtMs: number | null) =>
    expiresAtMs === null ? null : Math.max(1, expiresAtMs - cache.nowMs);
  const stored =
    newest === undefined || newest.value === null || isDead(newest, cache.nowMs)
      ? null
      : { value: newest.value, ttlMs: remaining(newest.expiresAtMs) };
  const cached =
    cache.value === undefined || !cache.value.isText
      ? null
      : { value: cache.value.text, ttlMs: dataTtlMs(cache) };
  switch (action) {
    case "follow_cache":
      return stored?.value === cached?.value ? null : stored;
    case "remove":
      return stored ?? cached;
    case "follow_store":
    case "drop_copy":
      return stored?.value === cached?.value ? null : cached;
    case "none":
    case "sync_now":
    case "project":
    case "drop_marker":
    case "stamp":
    case "warm":
      return null;
  }
}
