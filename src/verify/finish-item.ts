import type { Clock } from "../lib/clock.ts";
import { ERRORS, type ErrorKind } from "../model/error-table.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { ItemChange, ItemRecord, ItemState, KeptItem, PlanJournal } from "./plan-journal.ts";
import type { SteppedRepair } from "./step-repair.ts";

/** A step that did nothing although nothing had changed met another's fill lease, which lasts 3 s. */
const TRIES_MAX = 16;
const RETRY_MS = 250;

/** What one look at an item's key says is to be done. */
export type ItemDecision =
  /** Nothing is left to do. */
  | { readonly do: "nothing" }
  /** It is at its end, which only has to be written down. */
  | { readonly do: "note"; readonly end: ItemChange }
  | StepDecision;

interface StepDecision {
  readonly do: "step";
  /** What has to be written down first. */
  readonly before: ItemChange | undefined;
  readonly step: () => Promise<SteppedRepair>;
  /** What has to be written down once it is done. */
  readonly after: (version: Version | undefined) => ItemChange;
}

/** Errors of these kinds are about the key; others would meet the next key too. */
const OF_ONE_KEY: ReadonlySet<ErrorKind> = new Set(["input", "conflict"]);

interface FinishParts {
  readonly journal: PlanJournal;
  readonly clock: Clock;
  /** How long what is noted is kept. */
  readonly expiresAtMs: number;
}

export interface ItemWork {
  /** Looks at the key and decides. Asked again whenever item or key may have changed. */
  readonly decide: (item: KeptItem) => Promise<ItemDecision>;
  /** How an item ends whose key had changed. */
  readonly movedState: ItemState;
  /** How an item ends whose key cannot be helped. */
  readonly failedState: ItemState;
}

/**
 * Brings one item of a plan to its end: look, note, step, note. A crash may end it anywhere, and other processes may
 * work on the same item; each look shows how far the key is, each step is conditional on its look, and each note on the
 * one before it. So the step is taken once, by whoever is first.
 * Errors: those of the ports that say nothing about this one key; PLAN_NOT_FOUND, once the item is kept no more.
 */
export async function finishItem(
  { journal, clock, expiresAtMs }: FinishParts,
  found: ItemRecord,
  work: ItemWork,
): Promise<KeptItem> {
  let current = found;
  const note = async (change: ItemChange): Promise<boolean> => {
    const advanced = await journal.advance(current, change, expiresAtMs);
    current = advanced ?? (await journal.again(current));
    return advanced !== undefined;
  };
  for (let tries = 1; ; tries += 1) {
    // The first repetition comes at once: mostly the key has moved, and the look says so.
    if (tries > 2) await clock.sleep(RETRY_MS);
    const decision = await work.decide(current.item);
    if (decision.do === "nothing") return current.item;
    const end =
      decision.do === "note"
        ? decision.end
        : await endOf({ ...decision, note, failedState: work.failedState, tries });
    if (end !== undefined && (await note(end))) return current.item;
  }
}

/** What the step came to; undefined where only another look can tell. */
async function endOf({
  before,
  note,
  step,
  after,
  failedState,
  tries,
}: StepDecision & {
  readonly note: (change: ItemChange) => Promise<boolean>;
  readonly failedState: ItemState;
  readonly tries: number;
}): Promise<ItemChange | undefined> {
  const failed = (why: string): ItemChange => ({ state: failedState, why });
  try {
    if (before !== undefined && !(await note(before))) return undefined;
    const stepped = await step();
    if (stepped.outcome === "done") return after(stepped.version);
    return tries < TRIES_MAX
      ? undefined
      : failed("Other processes were reading or writing the key all the time.");
  } catch (error) {
    const code = LockstepError.codeOf(error);
    if (code === "UNKNOWN_OUTCOME" && tries < TRIES_MAX) return undefined;
    const isOfThisKey = code !== undefined && OF_ONE_KEY.has(ERRORS[code].kind);
    if (!isOfThisKey || code === "PLAN_NOT_FOUND") throw error;
    return failed((error as LockstepError).message);
  }
}
