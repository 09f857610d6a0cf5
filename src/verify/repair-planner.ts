import { chunksBySize } from "../lib/chunks-by-size.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { contentHash } from "../model/content-hash.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CacheVerifier } from "./cache-verifier.ts";
import type { CopyClass } from "./classify.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { CLOSE_LOOKS, hasChanged, type Inspection, type Looker } from "./looker.ts";
import type { PlanJournal, PlannedItem } from "./plan-journal.ts";
import {
  newestVersion,
  planRepair,
  type RepairAction,
  type RepairStrategy,
} from "./plan-repair.ts";

/** One plan repairs at most this many keys; what is left is for the next one. */
export const PLAN_ITEMS_MAX = 1000;

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
  readonly keys: readonly {
    readonly key: string;
    readonly copyClass: CopyClass;
    readonly action: RepairAction;
  }[];
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
  /** So many repaired keys can be undone at most, milliseconds. */
  readonly undoKeysMax: number;
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
    const { journal, clock, random, undoRetentionMs, undoKeysMax } = this.#parts;
    const { strategy, prefix = null } = request;
    const startedMs = clock.monotonicMs();
    const { found, keysChecked, isComplete } = await this.#findIssues(request);
    const planned = await this.#planFor(found, strategy);
    const items = planned.filter(({ action }) => action !== "none");
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
      await journal.trim(undoKeysMax);
    }
    const named = planned.slice(0, NAMED_KEYS_MAX);
    return {
      planId: items.length > 0 ? id : null,
      strategy,
      digest: items.length > 0 ? digest : null,
      repairs: items.length,
      keysChecked,
      byClass: counted(planned.map(({ copyClass }) => copyClass)),
      byAction: counted(planned.map(({ action }) => action)),
      keys: named.map(({ key, copyClass, action }) => ({ key, copyClass, action })),
      truncated: !isComplete || named.length < planned.length,
      expiresAtMs,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  /** A verification that ends as soon as a plan is full. */
  async #findIssues({ prefix, signal, progress }: PlanRequest) {
    const full = new AbortController();
    const found: Inspection[] = [];
    let keysChecked = 0;
    try {
      await this.#parts.verifier.verify({
        ...(prefix === undefined ? {} : { prefix }),
        signal: signal === undefined ? full.signal : AbortSignal.any([signal, full.signal]),
        progress: (done, total) => {
          keysChecked = done;
          progress?.(done, total);
        },
        onIssues: (issues) => {
          found.push(...issues.slice(0, PLAN_ITEMS_MAX + 1 - found.length));
          if (found.length > PLAN_ITEMS_MAX) full.abort();
        },
      });
    } catch (error) {
      if (LockstepError.codeOf(error) !== "ABORTED" || signal?.aborted === true) throw error;
    }
    const isComplete = found.length <= PLAN_ITEMS_MAX;
    return { found: found.slice(0, PLAN_ITEMS_MAX), keysChecked, isComplete };
  }

  /** What has changed since it was found is in motion, and left out. */
  async #planFor(
    found: readonly Inspection[],
    strategy: RepairStrategy,
  ): Promise<readonly PlannedItem[]> {
    const planned: PlannedItem[] = [];
    for (const some of chunksBySize(found, ({ bytes }) => bytes, CLOSE_LOOKS)) {
      const looks = await this.#parts.looker.inspectAgain(some.map(({ look }) => look.cache.key));
      for (const [at, seen] of looks.entries()) {
        const item = planOne(some[at] as Inspection, seen, strategy);
        if (item !== undefined) planned.push(item);
      }
    }
    return planned;
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
    action,
    fingerprint: fingerprintOf(look),
    seenVersion: newestVersion(look),
    bytes,
  };
}

function counted<Name extends string>(names: readonly Name[]): Partial<Record<Name, number>> {
  const counts: Partial<Record<Name, number>> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
