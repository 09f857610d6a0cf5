import { chunksBySize } from "../lib/chunks-by-size.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { contentHash } from "../model/content-hash.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CacheVerifier } from "./cache-verifier.ts";
import type { CopyClass } from "./classify.ts";
import { CLOSE_LOOKS, type Inspection, type Looker } from "./looker.ts";
import { type NamedKey, PlanDraft } from "./plan-draft.ts";
import type { PlanJournal } from "./plan-journal.ts";
import type { RepairAction, RepairStrategy } from "./plan-repair.ts";

/** How long a plan may be applied after it was made, milliseconds. */
export const PLAN_LIFE_MS = 3_600_000;

export interface RepairPlanReport {
  /** null where there is nothing that a plan could do; then nothing was kept. */
  readonly planId: string | null;
  readonly strategy: RepairStrategy;
  /** Of all that was seen of the keys of the plan; null without one. */
  readonly digest: string | null;
  /** Keys that the plan repairs. */
  readonly repairs: number;
  readonly keysChecked: number;
  readonly byClass: Readonly<Partial<Record<CopyClass, number>>>;
  /** "none": drift that the strategy does nothing about. */
  readonly byAction: Readonly<Partial<Record<RepairAction, number>>>;
  /** The first of them: those that the plan repairs before the others. */
  readonly keys: readonly NamedKey[];
  /** Whether there is more drift than the plan repairs, or it names fewer keys than it repairs. */
  readonly truncated: boolean;
  readonly expiresAtMs: number;
  readonly tookMs: number;
}

export interface PlanRequest {
  readonly prefix?: string;
  readonly strategy: RepairStrategy;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total: number) => void;
}

export interface RepairPlannerParts {
  readonly verifier: Pick<CacheVerifier, "verify">;
  readonly looker: Looker;
  readonly journal: PlanJournal;
  readonly clock: Clock;
  readonly random: Random;
  /** How long an undo is kept, milliseconds. */
  readonly undoRetentionMs: number;
}

/**
 * Finds drift and writes down what would mend it, with a fingerprint of each key as it was seen. Changes no key. Only
 * issues are planned for: a write on its way, a cold key or another program's value is no drift, and nobody has asked for them one by one.
 */
export class RepairPlanner {
  readonly #parts: RepairPlannerParts;

  constructor(parts: RepairPlannerParts) {
    this.#parts = parts;
  }

  /** Errors: CACHE_UNAVAILABLE, STORE_UNAVAILABLE, ABORTED. */
  async plan(request: PlanRequest): Promise<RepairPlanReport> {
    const { journal, clock, random, undoRetentionMs } = this.#parts;
    const { strategy, prefix = null } = request;
    const startedMs = clock.monotonicMs();
    const draft = new PlanDraft(strategy);
    const keysChecked = await this.#fill(draft, request);
    const { items, named, byClass, byAction } = draft;
    const madeAtMs = clock.nowMs();
    const expiresAtMs = madeAtMs + PLAN_LIFE_MS;
    const digest = contentHash(
      JSON.stringify(items.map(({ key, action, fingerprint }) => [key, action, fingerprint])),
    );
    const id = random.hex(8);
    if (items.length > 0) {
      const plan = {
        id,
        strategy,
        prefix,
        digest,
        madeAtMs,
        expiresAtMs,
        state: "planned",
      } as const;
      await journal.keep(plan, items, expiresAtMs + undoRetentionMs);
      await journal.trim();
    }
    return {
      planId: items.length > 0 ? id : null,
      strategy,
      digest: items.length > 0 ? digest : null,
      repairs: items.length,
      keysChecked,
      byClass,
      byAction,
      keys: named,
      truncated: draft.isOverfull || named.length < draft.drifted,
      expiresAtMs,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  /** A verification that ends as soon as the plan is full. Answers how many keys it has checked. */
  async #fill(draft: PlanDraft, { prefix, signal, progress }: PlanRequest): Promise<number> {
    const full = new AbortController();
    let keysChecked = 0;
    try {
      await this.#parts.verifier.verify({
        ...(prefix === undefined ? {} : { prefix }),
        signal: signal === undefined ? full.signal : AbortSignal.any([signal, full.signal]),
        progress: (done, total) => {
          keysChecked = done;
          progress?.(done, total);
        },
        onIssues: async (issues) => {
          await this.#add(draft, issues);
          if (draft.isOverfull) full.abort();
        },
      });
    } catch (error) {
      if (LockstepError.codeOf(error) !== "ABORTED" || signal?.aborted === true) throw error;
    }
    return keysChecked;
  }

  async #add(draft: PlanDraft, issues: readonly Inspection[]): Promise<void> {
    const found = issues.filter(({ look }) => !draft.has(look.cache.key));
    for (const some of chunksBySize(found, ({ bytes }) => bytes, CLOSE_LOOKS)) {
      if (draft.isOverfull) return;
      const looks = await this.#parts.looker.inspectAgain(some.map(({ look }) => look.cache.key));
      for (const [at, seen] of looks.entries()) draft.add(some[at] as Inspection, seen);
    }
  }
}
