import type { CacheObservation } from "../cache/cache-port.ts";
import type { ShadowEntry } from "../model/entry.ts";
import { checkKey } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { WriteCondition } from "../model/write-condition.ts";
import type { CopyClass } from "./classify.ts";
import type { Looker } from "./looker.ts";
import { planRepair, type RepairAction, type RepairStrategy } from "./plan-repair.ts";
import type { RepairSteps } from "./repair-port.ts";
import { stepRepair } from "./step-repair.ts";
import { type TakenAway, takenAway } from "./taken-away.ts";

/** One side-by-side picture of a key. */
export interface CopiesReport {
  readonly copyClass: CopyClass;
  readonly cached: CacheObservation;
  readonly shadow: ShadowEntry | undefined;
}

export interface RepairReport {
  readonly key: string;
  readonly action: RepairAction;
  readonly cause: string;
  readonly before: CopiesReport;
  /** What is there now; null for a dry run. */
  readonly after: CopiesReport | null;
  /** The write that would bring back what was replaced or removed; null where nothing was, and for a dry run. */
  readonly undo: UndoingWrite | null;
}

export interface UndoingWrite extends TakenAway {
  /** That nobody has written the key since: whatever is newer than the repair stands. */
  readonly condition: WriteCondition;
}

/** Hears of each repair that was done: the action, the version of the write that it made, and why. */
export type OnRepaired = (
  key: string,
  done: { readonly how: string; readonly version: Version | null; readonly note: string },
) => void;

/** Mends one key: looks, plans, does the one step, looks again. */
export class Repairer {
  readonly #looker: Looker;
  readonly #steps: RepairSteps;
  readonly #keyMaxBytes: number;
  readonly #onRepaired: OnRepaired | undefined;

  constructor(looker: Looker, steps: RepairSteps, keyMaxBytes: number, onRepaired?: OnRepaired) {
    this.#looker = looker;
    this.#steps = steps;
    this.#keyMaxBytes = keyMaxBytes;
    this.#onRepaired = onRepaired;
  }

  /** Errors: KEY_IN_MOTION (a write came between; it stands), INPUT_INVALID, KEY_RESERVED, and those of the ports. */
  async repair(
    key: string,
    { strategy, dryRun }: { readonly strategy: RepairStrategy; readonly dryRun: boolean },
  ): Promise<RepairReport> {
    checkKey(key, this.#keyMaxBytes);
    const { look, verdict, life } = await this.#looker.inspect(key);
    const { action, why } = planRepair(look, verdict.copyClass, strategy);
    const before = { copyClass: verdict.copyClass, cached: look.cache, shadow: look.shadow };
    const report = { key, action, cause: why ?? verdict.cause, before };
    if (dryRun) return { ...report, after: null, undo: null };

    const stepped = await stepRepair(this.#steps, look, action, { life });
    if (stepped.outcome === "moved") {
      throw new LockstepError(
        "KEY_IN_MOTION",
        `The key ${JSON.stringify(key)} changed before it could be repaired.`,
      );
    }
    const { version = null } = stepped;
    if (action !== "none") this.#onRepaired?.(key, { how: action, version, note: report.cause });
    const taken = takenAway(look, action);
    const now = await this.#looker.inspect(key);
    return {
      ...report,
      after: { copyClass: now.verdict.copyClass, cached: now.look.cache, shadow: now.look.shadow },
      undo:
        taken === null || version === null
          ? null
          : { ...taken, condition: conditionOf(action, version) },
    };
  }
}

/** A key that is removed has no version that a condition could name. */
function conditionOf(action: RepairAction, version: Version): WriteCondition {
  return action === "remove" ? { kind: "absent" } : { kind: "version", version };
}
