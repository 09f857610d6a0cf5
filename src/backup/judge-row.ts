import type { ShadowEntry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";

/**
 * What becomes of a row of a backup. `restored`: it is written. `there`: the store has this very version. `newer`: the
 * store has a newer one, a delete perhaps. `purged`: the store has no row, and has forgotten deletes since that may have
 * been of this key.
 */
export type RowFate = "restored" | "there" | "newer" | "purged";

export function fateOf(
  row: Pick<ShadowEntry, "version">,
  {
    isDead,
    stored,
    purgedBefore,
    purgedNow,
  }: {
    /** A tombstone or an expired value: it can bring nothing back. */
    readonly isDead: boolean;
    /** The version that the store has of this key. */
    readonly stored: Version | undefined;
    /** The highest that had been purged in its bucket when the backup began, in this very store; undefined = none. */
    readonly purgedBefore: Version | undefined;
    /** The same now. */
    readonly purgedNow: Version | undefined;
  },
): RowFate {
  if (stored !== undefined) {
    if (stored === row.version) return "there";
    return stored > row.version ? "newer" : "restored";
  }
  if (isDead) return "restored";
  // A delete of this key since then has a version above the row's, and above all that had been purged when the row was
  // written to the file; only if something that high has been purged can it have been forgotten.
  const couldBe = purgedNow !== undefined && purgedNow > row.version;
  return couldBe && purgedNow !== purgedBefore ? "purged" : "restored";
}
