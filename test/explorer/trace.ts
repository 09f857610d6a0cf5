import type { Random } from "../../src/lib/random.ts";
import type { Model } from "./kernel/model.ts";

/**
 * A trace is data: who did what, in which order, so that real code can be driven through the same order.
 *
 * `who` is a role of the scenario. A call ("set a", "set b", "set c", "delete", "set a once more") says in its options
 * which process makes it; other roles are in process 1, or by number in processes 1, 0, 1... `does` is one of:
 *
 * - a call, cache first: "mint", or with a condition "judge, mint"; where the cache does not know enough "take the lease",
 *   "look at the events", "look at the row", "judge, mint as seen". Then "upsert" or "append" ("append twice"), "check
 *   epoch", and "acknowledge, answer" (pinned) or "settle, answer" (unpinned). "check epoch, answer" ends a call by event,
 *   "answer" one that could not tell the cache, "withdraw, fail" one that no store has taken. Mishaps: "upsert times out",
 *   "append times out", "acknowledgement goes unanswered", "settling goes unanswered", "crash". Without the atomic
 *   marker also "mark".
 * - a call, store first: "commit to the shadow" or "commit to the outbox", each also with ", die"; without the commit
 *   turn, then "replace the copy, answer".
 * - "read": "observe", "take the lease", "look at the events", "look at the row", "fill, answer", "start over"; store first
 *   "load", and without the stamp in the row's transaction "keep the copy, answer".
 * - "sweep": "observe", "upsert", "acknowledge", "crash"
 * - "projector": "claim", "upsert", "acknowledge", "mark processed", "crash"
 * - "recovery": "find the state" or "meet a higher epoch", "a: raise the epoch", "b: look at the events", "b: project",
 *   "c: look at the row", "c: look at the purge record", "c: drop what is older", "d: install", "e: confirm",
 *   "find the state again", "start over", "crash"
 * - "verifier" and "repair": "look at the cache", "look at the events", "look at the row", "look at the events again",
 *   "look at the cache again", "wait"; a repair then "take the lease" with its two looks, an action by its name in
 *   src/verify/plan-repair.ts, "upsert", "acknowledge", "mark processed"
 * - "purge": "choose", "look at the markers", "look at the events", "record the version", "delete the row", "crash"
 * - "network": "late upsert of <text> lands", "late append of <text> lands", "p<process> tells the cache of <version>",
 *   "p<process> dies owing <version>"
 * - "environment": "evict value", "evict meta", "evict state", "lease runs out", "tick", "save" (what a restart or a
 *   replica would bring back), "roll back", "flush", "fail over", "p<process> finds the primary"; store first
 *   "p<process> evicts its copy"
 * - "stranger", another program: "SET", "DEL"
 */
export interface TraceStep {
  readonly who: string;
  readonly does: string;
}

const BETWEEN = ": ";

/** The name that a step has in the kernel. */
export function stepName({ who, does }: TraceStep): string {
  return who + BETWEEN + does;
}

export function traceSteps(names: readonly string[]): readonly TraceStep[] {
  return names.map((name) => {
    const end = name.indexOf(BETWEEN);
    return { who: name.slice(0, end), does: name.slice(end + BETWEEN.length) };
  });
}

/** A whole recovery where nothing is ever purged: it finds no event to project and no copy to drop. */
export const RECOVERY_STEPS = [
  "recovery: find the state",
  "recovery: a: raise the epoch",
  "recovery: b: look at the events",
  "recovery: c: look at the row",
  "recovery: d: install",
  "recovery: e: confirm",
] as const;

/** One way through a model, chosen by chance, until nothing is left to do or `stepsMax` is reached. */
export function walk<W>(
  model: Model<W>,
  random: Pick<Random, "fraction">,
  stepsMax: number,
): { readonly steps: readonly TraceStep[]; readonly world: W } {
  const names: string[] = [];
  let { initial: world } = model;
  while (names.length < stepsMax) {
    const possible: { readonly step: string; readonly next: W }[] = [];
    model.steps(world, (step, _nature, next) => possible.push({ step, next }));
    const chosen = possible[Math.floor(random.fraction() * possible.length)];
    if (chosen === undefined) break;
    names.push(chosen.step);
    world = chosen.next;
  }
  return { steps: traceSteps(names), world };
}
