import type { CopyClass } from "../../src/verify/classify.ts";
import type { RepairAction } from "../../src/verify/plan-repair.ts";
import type { Facts, ShadowFacts } from "./look-facts.ts";

export interface ClassRow {
  /** Number in the class table, and what of a row with several parts. */
  readonly row: string;
  readonly seen: (facts: Facts) => boolean;
  readonly copyClass: CopyClass;
  /** What `auto` does. */
  readonly auto: RepairAction;
}

/** The class table as it is written for people, one line for each class that a row can give. First match decides. */
export const CLASS_TABLE: readonly ClassRow[] = [
  {
    row: "1 ours",
    seen: (f) => f.otherType && isOurs(f),
    copyClass: "changed_outside",
    auto: "none",
  },
  { row: "1 not ours", seen: (f) => f.otherType, copyClass: "unmanaged", auto: "none" },
  {
    row: "2 both wrong",
    seen: (f) => isMismatch(f) && isBad(f.shadow),
    copyClass: "corrupt",
    auto: "none",
  },
  { row: "2", seen: isMismatch, copyClass: "changed_outside", auto: "follow_cache" },
  {
    row: "3",
    seen: (f) => isMarked(f) && isValueMeta(f) && f.value === "none",
    copyClass: "removed_outside",
    auto: "remove",
  },
  { row: "4 late", seen: (f) => waits(f) && waitsLong(f), copyClass: "overdue", auto: "sync_now" },
  { row: "4", seen: waits, copyClass: "pending", auto: "sync_now" },
  { row: "5", seen: isMarked, copyClass: "lost", auto: "drop_marker" },
  ...whereMeta("none", "value", [
    {
      row: "6 absent",
      seen: (f) => f.shadow === "none",
      copyClass: "unmanaged",
      auto: "follow_cache",
    },
    {
      row: "6 equal",
      seen: (f) => isLife(f.shadow, "live") && isEqualValue(f) && !isBad(f.shadow),
      copyClass: "ok",
      auto: "stamp",
    },
    { row: "6 else", seen: () => true, copyClass: "changed_outside", auto: "follow_cache" },
  ]),
  ...whereMeta("none", "no value", [
    { row: "7 wrong", seen: (f) => isBad(f.shadow), copyClass: "corrupt", auto: "none" },
    { row: "7 live", seen: (f) => isLife(f.shadow, "live"), copyClass: "cold", auto: "none" },
    {
      row: "7 deleted",
      seen: (f) => isLife(f.shadow, "tombstone"),
      copyClass: "deleted",
      auto: "none",
    },
    {
      row: "7 expired",
      seen: (f) => isLife(f.shadow, "expired"),
      copyClass: "expired",
      auto: "none",
    },
    { row: "7 absent", seen: () => true, copyClass: "absent", auto: "none" },
  ]),
  {
    row: "8 deleted",
    seen: (f) => f.meta === "tombstone" && f.shadow === "none",
    copyClass: "deleted",
    auto: "none",
  },
  {
    row: "8 expired",
    seen: (f) => f.meta === "expired" && f.shadow === "none",
    copyClass: "expired",
    auto: "none",
  },
  { row: "9", seen: (f) => isAge(f.shadow, "newer"), copyClass: "stale", auto: "drop_copy" },
  ...whereMeta("live", "no value", [
    { row: "10 behind", seen: (f) => isBehind(f.shadow), copyClass: "lost", auto: "none" },
    { row: "10 wrong", seen: (f) => isBad(f.shadow), copyClass: "corrupt", auto: "none" },
    {
      row: "10 dead",
      seen: (f) => !isLife(f.shadow, "live"),
      copyClass: "diverged",
      auto: "drop_copy",
    },
    {
      row: "10 proven",
      seen: (f) => f.removalProven,
      copyClass: "removed_outside",
      auto: "remove",
    },
    { row: "10 live", seen: () => true, copyClass: "cold", auto: "none" },
  ]),
  { row: "11", seen: (f) => isBehind(f.shadow), copyClass: "missing", auto: "project" },
  {
    row: "12 deleted",
    seen: (f) => isMetaDead(f) && isLife(f.shadow, "tombstone"),
    copyClass: "deleted",
    auto: "none",
  },
  {
    row: "12 expired",
    seen: (f) => isMetaDead(f) && isLife(f.shadow, "expired"),
    copyClass: "expired",
    auto: "none",
  },
  {
    row: "12 differ, cached",
    seen: (f) => f.value !== "none" && (differ(f) || isBad(f.shadow)),
    copyClass: "diverged",
    auto: "follow_cache",
  },
  {
    row: "12 differ, ended in the cache",
    seen: (f) => differ(f) || isBad(f.shadow),
    copyClass: "diverged",
    auto: "remove",
  },
  { row: "12 else", seen: () => true, copyClass: "ok", auto: "none" },
];

/** The row that decides for these facts. */
export function rowOf(facts: Facts): ClassRow {
  const row = CLASS_TABLE.find(({ seen }) => seen(facts));
  if (row === undefined) throw new Error("The table is not total.");
  return row;
}

function whereMeta(
  meta: Facts["meta"],
  value: "value" | "no value",
  rows: readonly ClassRow[],
): readonly ClassRow[] {
  const applies = (f: Facts) => f.meta === meta && (f.value === "none") === (value === "no value");
  return rows.map((row) => ({ ...row, seen: (f) => applies(f) && row.seen(f) }));
}

function isOurs(f: Facts): boolean {
  return f.meta !== "none" || isMarked(f) || f.event !== "none" || f.shadow !== "none";
}

function isMarked(f: Facts): boolean {
  return f.marker !== "none";
}

/** Meta speaks of a value, dead or alive. */
function isValueMeta(f: Facts): boolean {
  return f.meta === "live" || f.meta === "expired";
}

function isMetaDead(f: Facts): boolean {
  return f.meta === "expired" || f.meta === "tombstone";
}

function isMismatch(f: Facts): boolean {
  if (f.value === "none") return false;
  if (f.meta === "none") return isMarked(f);
  return f.meta === "tombstone" || f.value === "foreign";
}

function waits(f: Facts): boolean {
  return f.event !== "none" || (isMarked(f) && f.meta !== "none");
}

/** The marker knows since when; without one the event does. */
function waitsLong(f: Facts): boolean {
  return isMarked(f) ? f.marker === "old" : f.event === "old";
}

function isLife(shadow: Facts["shadow"], life: ShadowFacts["life"]): boolean {
  return shadow !== "none" && shadow.life === life;
}

function isAge(shadow: Facts["shadow"], age: ShadowFacts["age"]): boolean {
  return shadow !== "none" && shadow.age === age;
}

/** Absent or older. */
function isBehind(shadow: Facts["shadow"]): boolean {
  return shadow === "none" || shadow.age === "older";
}

/** Does not match its own hash; a tombstone always does. */
function isBad(shadow: Facts["shadow"]): boolean {
  return shadow !== "none" && shadow.life !== "tombstone" && shadow.hash === "wrong";
}

/** A value without meta says nothing about a deadline. */
function isEqualValue(f: Facts): boolean {
  return f.value === "written" && f.shadow !== "none" && f.shadow.contents !== "other value";
}

function differ(f: Facts): boolean {
  const { shadow } = f;
  if (shadow === "none") return true;
  if (f.meta === "live") return shadow.life !== "live" || shadow.contents !== "same";
  // A meta that has ended, against a row that lives: they do not even agree on the end.
  return true;
}
