import { NAMED_KEYS_MAX } from "../model/key.ts";
import type { CopyClass } from "./classify.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { hasChanged, type Inspection } from "./looker.ts";
import type { PlannedItem } from "./plan-journal.ts";
import {
  newestVersion,
  planRepair,
  type RepairAction,
  type RepairStrategy,
} from "./plan-repair.ts";
import { canBeAdopted } from "./repair-command.ts";

/** One plan repairs at most this many keys; what is left is for the next one. */
export const PLAN_ITEMS_MAX = 1000;

/** A key as the report of a plan names it. */
export interface NamedKey {
  readonly key: string;
  readonly copyClass: CopyClass;
  readonly action: RepairAction;
}

/**
 * A plan in the making: takes drift as it is found. What it keeps does not grow with the drift, however much of it there is that
 * no plan can mend.
 */
export class PlanDraft {
  readonly #strategy: RepairStrategy;
  readonly #items = new Map<string, PlannedItem>();
  readonly #idle: NamedKey[] = [];
  readonly byClass: Partial<Record<CopyClass, number>> = {};
  readonly byAction: Partial<Record<RepairAction, number>> = {};
  /** Whether a key could be mended for which there is no room. */
  isOverfull = false;

  constructor(strategy: RepairStrategy) {
    this.#strategy = strategy;
  }

  get items(): readonly PlannedItem[] {
    return [...this.#items.values()];
  }

  /** The first keys: those that are mended before those that are not. */
  get named(): readonly NamedKey[] {
    const mended = [...this.#items.values()].map(({ key, copyClass, action }) => ({
      key,
      copyClass,
      action,
    }));
    return [...mended, ...this.#idle].slice(0, NAMED_KEYS_MAX);
  }

  /** How many keys have drifted; a key that is not mended and that the cache has named twice counts twice. */
  get drifted(): number {
    return this.#items.size + (this.byAction.none ?? 0);
  }

  /** The cache may name a key again. */
  has(key: string): boolean {
    return this.#items.has(key);
  }

  /** Takes a key that was found drifted and has been looked at again; what has changed in between is in motion, and left out. */
  add(found: Inspection, again: Inspection): void {
    const item = planOne(found, again, this.#strategy);
    if (item === undefined || this.isOverfull || this.has(item.key)) return;
    const { key, copyClass, action } = item;
    if (action === "none") {
      if (this.#idle.length < NAMED_KEYS_MAX) this.#idle.push({ key, copyClass, action });
    } else if (this.#items.size < PLAN_ITEMS_MAX) {
      this.#items.set(key, item);
    } else {
      this.isOverfull = true;
      return;
    }
    this.byClass[copyClass] = (this.byClass[copyClass] ?? 0) + 1;
    this.byAction[action] = (this.byAction[action] ?? 0) + 1;
  }
}

function planOne(
  found: Inspection,
  { look, verdict, bytes }: Inspection,
  strategy: RepairStrategy,
): PlannedItem | undefined {
  const { copyClass } = verdict;
  const isSame = copyClass === found.verdict.copyClass && !hasChanged(found.look.cache, look.cache);
  if (!isSame) return undefined;
  const { action } = planRepair(look, copyClass, strategy);
  return {
    key: look.cache.key,
    copyClass,
    // What would fail each time must not fill one plan after the other.
    action: action === "follow_cache" && !canBeAdopted(look) ? "none" : action,
    fingerprint: fingerprintOf(look),
    seenVersion: newestVersion(look),
    bytes,
  };
}
