import type { CopyClass } from "./classify.ts";

const REPAIR = "Call force_sync_repair with this key.";

/** What an operator should do about a class; null where nothing needs doing. */
export function suggestionFor(copyClass: CopyClass): string | null {
  switch (copyClass) {
    case "ok":
    case "pending":
    case "cold":
    case "deleted":
    case "expired":
    case "absent":
      return null;
    case "overdue":
      return "Look at /ready: the store may be down or slow. force_sync_repair with this key syncs it now.";
    case "unmanaged":
      return "Nothing, or force_sync_repair with this key to adopt the value.";
    case "lost":
      return "The write cannot be brought back. Write or delete the key; or force_sync_repair with this key clears a mark that was left behind, and with strategy store goes back to what the store has.";
    case "corrupt":
      return "Compare with a backup; force_sync_repair with strategy cache or store says which side to believe.";
    case "removed_outside":
      return `${REPAIR} It follows the removal; write the key again if it was a mistake.`;
    case "missing":
    case "stale":
    case "diverged":
    case "changed_outside":
      return REPAIR;
  }
}
