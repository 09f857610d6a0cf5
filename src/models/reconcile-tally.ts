import type { Settlement } from "./entry-settler.ts";
import type { Action } from "./plan-change.ts";

/** What a reconciliation has looked at, and what has become of it. */
export class ReconcileTally {
  checked = 0;
  readonly counts = {
    created: 0,
    updated: 0,
    removed: 0,
    skipped: 0,
    conflicts: 0,
    missingTimestamps: 0,
    errors: 0,
  };

  count(settlement: Settlement): void {
    switch (settlement) {
      case "created":
      case "updated":
      case "removed":
      case "skipped":
        this.counts[settlement] += 1;
        break;
      case "locked":
      case "conflict":
        this.counts.conflicts += 1;
        break;
      case "failed":
        this.counts.errors += 1;
        break;
      // Somebody else has put it right meanwhile.
      case "unchanged":
        break;
    }
  }

  /** As if the action had been taken. */
  countPlanned(action: Action): void {
    if (action === "create") this.counts.created += 1;
    else if (action === "remove") this.counts.removed += 1;
    else this.counts.updated += 1;
  }
}
