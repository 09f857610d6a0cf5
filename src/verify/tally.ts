import { NAMED_KEYS_MAX } from "../model/key.ts";
import { CLASSES, type CopyClass, isIssue } from "./classify.ts";
import type { Found } from "./looker.ts";

/** Counts what was found, and names the first issues. */
export class Tally {
  readonly counts = Object.fromEntries(Object.keys(CLASSES).map((name) => [name, 0])) as Record<
    CopyClass,
    number
  >;
  readonly mismatches: Found[] = [];
  keysChecked = 0;
  issues = 0;

  add(found: readonly Found[]): void {
    for (const one of found) {
      this.keysChecked += 1;
      this.counts[one.copyClass] += 1;
      if (!isIssue(one.copyClass)) continue;
      this.issues += 1;
      if (this.mismatches.length < NAMED_KEYS_MAX) this.mismatches.push(one);
    }
  }
}
