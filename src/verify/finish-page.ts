import type { Clock } from "../lib/clock.ts";
import { ERRORS, type ErrorKind } from "../model/error-table.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { ItemChange, ItemState, KeptItem, PlanJournal, PlanPage } from "./plan-journal.ts";
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
  /** Looks at the keys of items and decides for each, in this order. Asked again for those that, or whose keys, may have changed. */
  readonly decide: (items: readonly KeptItem[]) => Promise<readonly ItemDecision[]>;
  /** How an item ends whose key had changed. */
  readonly movedState: ItemState;
  /** How an item ends whose key cannot be helped. */
  readonly failedState: ItemState;
}

type Ends = Map<number, ItemChange>;

/**
 * Brings the items of a page to their ends, all of them together: look, note, step, note. A crash may end it anywhere, and
 * other processes may work on the same page; each look shows how far a key is, each step is conditional on its look, and
 * each note on the one before it. So each step is taken once, by whoever is first. Repeated with those items that are not
 * at their ends yet; an error that is about one key ends its item alone.
 * Errors: those of the ports that say nothing about one key; PLAN_NOT_FOUND, once the page is kept no more.
 */
export async function finishPage(
  { journal, clock, expiresAtMs }: FinishParts,
  found: PlanPage,
  work: ItemWork,
): Promise<readonly KeptItem[]> {
  let page = found;
  const note = async (changes: ReadonlyMap<number, ItemChange>): Promise<boolean> => {
    if (changes.size === 0) return true;
    const advanced = await journal.advance(page, changes, expiresAtMs);
    page = advanced ?? (await journal.again(page));
    return advanced !== undefined;
  };
  for (let tries = 1; ; tries += 1) {
    // The first repetition comes at once: mostly a key has moved, and the look says so.
    if (tries > 2) await clock.sleep(RETRY_MS);
    const decisions = await work.decide(page.items);
    if (decisions.every((decision) => decision.do === "nothing")) return page.items;
    const ends: Ends = new Map();
    const steps: PlacedStep[] = [];
    for (const [place, decision] of decisions.entries()) {
      if (decision.do === "note") ends.set(place, decision.end);
      if (decision.do === "step") steps.push({ ...decision, place });
    }
    const terms = { failedState: work.failedState, isLastTry: tries >= TRIES_MAX };
    const begun = await begin(steps, note, { ...terms, ends });
    if (begun === "changed") continue;
    const failures = await takeSteps(begun, { ...terms, ends });
    await note(ends);
    // Not before what was done has been written down.
    if (failures.length > 0) throw failures[0];
  }
}

interface PlacedStep extends StepDecision {
  /** Of its item in the page. */
  readonly place: number;
}

interface StepTerms {
  readonly failedState: ItemState;
  readonly isLastTry: boolean;
  /** What is to be written down of the items that have come to their ends. */
  readonly ends: Ends;
}

/** Writes down what the steps take away; answers those that may be taken now, or that the page has changed meanwhile. */
async function begin(
  steps: readonly PlacedStep[],
  note: (changes: ReadonlyMap<number, ItemChange>) => Promise<boolean>,
  { failedState, isLastTry, ends }: StepTerms,
): Promise<readonly PlacedStep[] | "changed"> {
  const noted = new Map<number, ItemChange>();
  for (const { place, before } of steps) if (before !== undefined) noted.set(place, before);
  try {
    return (await note(noted)) ? steps : "changed";
  } catch (error) {
    // Nobody knows whether it was written; the next note does.
    if (isUnclear(error) && !isLastTry) return "changed";
    if (!isOfOneKey(error)) throw error;
    // It takes more room than a record has, so it is one large value, which is in a page by itself.
    for (const place of noted.keys()) ends.set(place, { state: failedState, why: error.message });
    return steps.filter(({ place }) => !noted.has(place));
  }
}

/** Finds out what each step has come to; of one without an end only another look can tell. Answers the errors that say nothing about one key. */
async function takeSteps(
  steps: readonly PlacedStep[],
  { failedState, isLastTry, ends }: StepTerms,
): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  const failed = (why: string): ItemChange => ({ state: failedState, why });
  const take = async ({ place, step, after }: PlacedStep): Promise<void> => {
    try {
      const stepped = await step();
      if (stepped.outcome === "done") ends.set(place, after(stepped.version));
      else if (isLastTry)
        ends.set(place, failed("Other processes were reading or writing the key all the time."));
    } catch (error) {
      if (isUnclear(error) && !isLastTry) return;
      if (isOfOneKey(error)) ends.set(place, failed(error.message));
      else failures.push(error);
    }
  };
  await Promise.all(steps.map(take));
  return failures;
}

function isUnclear(error: unknown): boolean {
  return LockstepError.codeOf(error) === "UNKNOWN_OUTCOME";
}

function isOfOneKey(error: unknown): error is LockstepError {
  const code = LockstepError.codeOf(error);
  return code !== undefined && code !== "PLAN_NOT_FOUND" && OF_ONE_KEY.has(ERRORS[code].kind);
}
