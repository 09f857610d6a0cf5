import type { Clock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { isIssue } from "./classify.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { ItemDecision, ItemWork } from "./finish-page.ts";
import type { Inspection, LivingInspection, Looker } from "./looker.ts";
import type { ItemChange, KeptItem, KeptPlan, PlanJournal } from "./plan-journal.ts";
import { newestVersion, planRepair, type RepairAction } from "./plan-repair.ts";
import {
  decideOpen,
  madeUnder,
  type PlanWorkOptions,
  repairMark,
  workThrough,
} from "./plan-work.ts";
import type { RepairSteps } from "./repair-port.ts";
import type { OnRepaired } from "./repairer.ts";
import { stepRepair } from "./step-repair.ts";
import { takenAway } from "./taken-away.ts";

export interface AppliedPlan {
  readonly planId: string;
  readonly applied: number;
  /** Keys that were not as the plan had seen them any more; they were left as they are. */
  readonly moved: number;
  readonly failed: number;
  /** At most {@link NAMED_KEYS_MAX} of each. */
  readonly movedKeys: readonly string[];
  readonly failedKeys: readonly { readonly key: string; readonly why: string }[];
  readonly tookMs: number;
}

export interface PlanApplierParts {
  readonly looker: Looker;
  readonly steps: RepairSteps;
  readonly journal: PlanJournal;
  readonly clock: Clock;
  /** How long what was taken away is kept, milliseconds. */
  readonly undoRetentionMs: number;
  readonly onRepaired?: OnRepaired;
}

/** These write under a new version, so a crash leaves a trace that says whether they did. */
const REWRITES: ReadonlySet<RepairAction> = new Set(["follow_cache", "follow_store", "remove"]);

/**
 * Applies a plan: each key only if it is still as the plan has seen it. What a repair takes away is kept before it is
 * taken. After a crash the same call goes on; two at once share the work.
 */
export class PlanApplier {
  readonly #parts: PlanApplierParts;

  constructor(parts: PlanApplierParts) {
    this.#parts = parts;
  }

  /**
   * Errors: PLAN_NOT_FOUND, PLAN_REFUSED (it has been applied, or undone); ABORTED and those of the ports: then part of it may
   * have been applied, and the same call goes on.
   */
  async apply(planId: string, options: PlanWorkOptions = {}): Promise<AppliedPlan> {
    const { journal, clock, undoRetentionMs } = this.#parts;
    const startedMs = clock.monotonicMs();
    const plan = await journal.change(planId, (found) => {
      checkMayBegin(found);
      return { ...found, state: "applying", expiresAtMs: clock.nowMs() + undoRetentionMs };
    });
    // Here, and not when it was planned: only now it has something to keep.
    await journal.trim();
    const tally = await workThrough(this.#parts, plan, options, this.#work(plan));
    // An undo that began meanwhile has the last word.
    await journal.change(planId, (found) =>
      found.state === "applying" ? { ...found, state: "applied" } : found,
    );
    return {
      planId,
      applied: tally.count("applied"),
      moved: tally.count("moved"),
      failed: tally.count("failed"),
      movedKeys: tally.movedKeys,
      failedKeys: tally.failedKeys,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  #work(plan: KeptPlan): ItemWork {
    return {
      decide: (items) =>
        decideOpen(this.#parts.looker, items, {
          isOpen: ({ state }) => state === "planned" || state === "begun",
          decide: (item, seen) => this.#decide(plan, item, seen),
        }),
      movedState: "moved",
      failedState: "failed",
    };
  }

  #decide(plan: KeptPlan, item: KeptItem, seen: LivingInspection): ItemDecision {
    const { steps } = this.#parts;
    const idempotencyKey = repairMark(plan.id);
    const version = madeUnder(seen.look, idempotencyKey);
    if (version !== undefined) return { do: "note", end: { state: "applied", version } };
    if (!isAsPlanned(plan, item, seen)) return { do: "note", end: endOfChanged(item, seen) };
    return {
      do: "step",
      before: item.state === "begun" ? undefined : begun(item, seen),
      step: () => stepRepair(steps, seen.look, item.action, { life: seen.life, idempotencyKey }),
      after: (made) => {
        const done = { how: item.action, version: made ?? null, note: `plan ${plan.id}` };
        this.#parts.onRepaired?.(item.key, done);
        return { state: "applied", version: made ?? item.seenVersion };
      },
    };
  }
}

function checkMayBegin({ state, id }: KeptPlan): void {
  if (state === "planned" || state === "applying") return;
  const what = state === "applied" ? "has been applied" : "has been undone, or is being undone";
  throw new LockstepError("PLAN_REFUSED", `The repair plan ${id} ${what}.`);
}

function isAsPlanned(plan: KeptPlan, item: KeptItem, { look, verdict }: Inspection): boolean {
  return (
    fingerprintOf(look) === item.fingerprint &&
    planRepair(look, verdict.copyClass, plan.strategy).action === item.action
  );
}

function begun({ action }: KeptItem, { look }: Inspection): ItemChange {
  const taken = takenAway(look, action);
  const { nowMs } = look.cache;
  return {
    state: "begun",
    taken: taken && {
      value: taken.value,
      expiresAtMs: taken.ttlMs === null ? null : nowMs + taken.ttlMs,
    },
  };
}

/** Somebody has changed the key, which may have been this plan's own step before a crash where that leaves no trace. */
function endOfChanged(item: KeptItem, { verdict, look }: Inspection) {
  const mayBeOurs =
    item.state === "begun" &&
    !REWRITES.has(item.action) &&
    !isIssue(verdict.copyClass) &&
    newestVersion(look) === item.seenVersion;
  return mayBeOurs
    ? ({ state: "applied", version: item.seenVersion } as const)
    : ({ state: "moved", taken: null } as const);
}
