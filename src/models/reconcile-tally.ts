import { NAMED_KEYS_MAX } from "../model/key.ts";
import type { Settlement } from "./entry-settler.ts";
import type { Action, SkipReason } from "./plan-change.ts";

/** A key that was left as it is, and why. */
export interface SkippedKey {
  readonly key: string;
  readonly why: SkipReason;
}

/** What a reconciliation has looked at, and what has become of it. */
export class ReconcileTally {
  checked = 0;
  readonly counts = {
    created: 0,
    updated: 0,
    removed: 0,
    /** The sum of the reasons. */
    skipped: 0,
    missingTimestamps: 0,
    otherType: 0,
    undecodable: 0,
    withoutKey: 0,
    lockstepKeys: 0,
    keptOrphans: 0,
    conflicts: 0,
    errors: 0,
  };
  /** The first of them. Orphans that are kept, and documents without a key, are not named. */
  readonly skippedKeys: SkippedKey[] = [];
  #nameable = 0;

  /** Whether there were more to name. */
  get truncated(): boolean {
    return this.#nameable > this.skippedKeys.length;
  }

  count(key: string, settlement: Settlement): void {
    switch (settlement) {
      case "created":
      case "updated":
      case "removed":
        this.counts[settlement] += 1;
        break;
      case "missingTimestamps":
      case "otherType":
      case "undecodable":
      case "withoutKey":
      case "lockstepKeys":
      case "keptOrphans":
        this.skip(key, settlement);
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

  skip(key: string, why: SkipReason): void {
    this.counts.skipped += 1;
    this.counts[why] += 1;
    if (why === "keptOrphans") return;
    this.#nameable += 1;
    if (this.skippedKeys.length < NAMED_KEYS_MAX) this.skippedKeys.push({ key, why });
  }

  /** Documents that have no key, so that they cannot be named by it. */
  skipWithoutKey(documents: number): void {
    this.counts.skipped += documents;
    this.counts.withoutKey += documents;
  }

  /** As if the action had been taken. */
  countPlanned(action: Action): void {
    if (action === "create") this.counts.created += 1;
    else if (action === "remove") this.counts.removed += 1;
    else this.counts.updated += 1;
  }
}
