import type { Clock } from "../lib/clock.ts";
import { contentHash } from "../model/content-hash.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import { isIssue } from "./classify.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { ItemDecision, ItemWork } from "./finish-page.ts";
import type { Inspection, LivingInspection, Looker } from "./looker.ts";
import type { KeptItem, KeptPlan, PlanJournal } from "./plan-journal.ts";
import { newestVersion } from "./plan-repair.ts";
import {
  decideOpen,
  madeUnder,
  type PlanWorkOptions,
  repairMark,
  workThrough,
} from "./plan-work.ts";
import type { RepairSteps } from "./repair-port.ts";
import type { OnRepaired } from "./repairer.ts";
import { rewrite } from "./step-repair.ts";
import type { TakenAway } from "./taken-away.ts";

export interface UndonePlan {
  readonly planId: string;
  readonly restored: number;
  /** Keys that are no longer as the repair left them: what came later stands. */
  readonly moved: number;
  /** Keys from which the repair had taken nothing that counts (see takenAway), or nothing that would still live; or that it had not touched. */
  readonly nothing: number;
  readonly failed: number;
  /** At most {@link NAMED_KEYS_MAX} of each. */
  readonly movedKeys: readonly string[];
  readonly failedKeys: readonly { readonly key: string; readonly why: string }[];
  readonly tookMs: number;
}

export interface PlanUndoerParts {
  readonly looker: Looker;
  readonly steps: RepairSteps;
  readonly journal: PlanJournal;
  readonly clock: Clock;
  readonly onUndone?: OnRepaired;
}

/**
 * Brings back what a plan has replaced or removed: each key only if it is still as the repair left it. May be called
 * after a crash in the middle of the apply, and after one of its own.
 */
export class PlanUndoer {
  readonly #parts: PlanUndoerParts;

  constructor(parts: PlanUndoerParts) {
    this.#parts = parts;
  }

  /**
   * Called again, it answers the same. Errors: PLAN_NOT_FOUND, PLAN_REFUSED (nothing of it was applied); ABORTED and those
   * of the ports: then part of it may have been undone, and the same call goes on.
   */
  async undo(planId: string, options: PlanWorkOptions = {}): Promise<UndonePlan> {
    const { journal, clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    const plan = await journal.change(planId, (found) => {
      if (found.state === "planned")
        throw new LockstepError("PLAN_REFUSED", `The repair plan ${planId} has not been applied.`);
      return { ...found, state: "undoing" };
    });
    const tally = await workThrough(this.#parts, plan, options, this.#work(plan));
    await journal.change(planId, (found) => ({ ...found, state: "undone" }));
    const [restored, moved, failed] = [
      tally.count("restored"),
      tally.count("stands"),
      tally.count("restore_failed"),
    ];
    return {
      planId,
      restored,
      moved,
      nothing: tally.done - restored - moved - failed,
      failed,
      movedKeys: tally.movedKeys,
      failedKeys: tally.failedKeys,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  #work(plan: KeptPlan): ItemWork {
    return {
      decide: (items) => {
        const nowMs = this.#parts.clock.nowMs();
        return decideOpen(this.#parts.looker, items, {
          isOpen: (item) => valueLeft(item, nowMs) !== undefined,
          decide: (item, seen) => this.#decide(plan, item, { seen, nowMs }),
        });
      },
      movedState: "stands",
      failedState: "restore_failed",
    };
  }

  #decide(
    plan: KeptPlan,
    item: KeptItem,
    { seen, nowMs }: { readonly seen: LivingInspection; readonly nowMs: number },
  ): ItemDecision {
    const { steps } = this.#parts;
    const left = valueLeft(item, nowMs);
    if (left === undefined) return { do: "nothing" };
    const idempotencyKey = undoMark(plan.id);
    if (madeUnder(seen.look, idempotencyKey) !== undefined)
      return { do: "note", end: { state: "restored" } };
    if (item.state === "begun" && fingerprintOf(seen.look) === item.fingerprint)
      return { do: "nothing" };
    if (!isAsLeft(seen, versionLeft(plan, item, seen)))
      return { do: "note", end: { state: "stands" } };
    const { key } = item;
    const { value, ttlMs } = left;
    const ids = { sessionId: null, interactionId: null };
    const command: WriteCommand = {
      op: "set",
      key,
      value,
      hash: contentHash(value),
      ttlMs,
      ...ids,
    };
    return {
      do: "step",
      before: undefined,
      step: () => rewrite(steps, seen.look, command, { life: seen.life, idempotencyKey }),
      after: (made) => {
        const done = { how: "set", version: made ?? null, note: `plan ${plan.id}` };
        this.#parts.onUndone?.(item.key, done);
        return { state: "restored" };
      },
    };
  }
}

/** What a repair took away and an undo can bring back, and what that has left to live; undefined where there is nothing. */
function valueLeft({ state, taken }: KeptItem, nowMs: number): TakenAway | undefined {
  if ((state !== "applied" && state !== "begun") || taken === null) return undefined;
  const ttlMs = taken.expiresAtMs === null ? null : taken.expiresAtMs - nowMs;
  return ttlMs !== null && ttlMs <= 0 ? undefined : { value: taken.value, ttlMs };
}

/** A crash may have kept the version of the repair's write from being noted; then the key itself says whether it was made. */
function versionLeft(plan: KeptPlan, item: KeptItem, { look }: Inspection): Version | null {
  if (item.state === "applied") return item.version;
  return madeUnder(look, repairMark(plan.id)) ?? null;
}

/** No version of later, and no other hand at either side: what came after the repair is somebody's work. */
function isAsLeft({ look, verdict }: Inspection, left: Version | null): boolean {
  const isTouched = isIssue(verdict.copyClass) && verdict.copyClass !== "overdue";
  return left !== null && newestVersion(look) === left && !isTouched;
}

function undoMark(planId: string): string {
  return `lockstep undo ${planId}`;
}
