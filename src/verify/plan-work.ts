import type { Clock } from "../lib/clock.ts";
import { Flights } from "../lib/flights.ts";
import { versionUnder } from "../model/idempotency.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { Look } from "./classify.ts";
import { finishPage, type ItemDecision, type ItemWork } from "./finish-page.ts";
import type { LivingInspection, Looker } from "./looker.ts";
import type { ItemState, KeptItem, KeptPlan, PlanJournal } from "./plan-journal.ts";

/** Pages that are worked on together: while one waits for the cache or the store, the other is judged. */
const PAGES_AT_ONCE = 2;

/** How long work may go on, and who hears of it. */
export interface PlanWorkOptions {
  readonly signal?: AbortSignal;
  /** Hears how many of the plan's keys are at their end, and how many there are. */
  readonly progress?: (done: number, total: number) => void;
}

/** What has become of a plan's keys: how many, and the first of those that somebody may want to look at. */
export class PlanTally {
  readonly #counts = new Map<ItemState, number>();
  readonly movedKeys: string[] = [];
  readonly failedKeys: { key: string; why: string }[] = [];
  done = 0;

  add({ key, state, why }: KeptItem, { movedState, failedState }: ItemWork): void {
    this.done += 1;
    this.#counts.set(state, this.count(state) + 1);
    if (state === movedState && this.movedKeys.length < NAMED_KEYS_MAX) this.movedKeys.push(key);
    if (state === failedState && this.failedKeys.length < NAMED_KEYS_MAX)
      this.failedKeys.push({ key, why: why ?? "unknown" });
  }

  count(state: ItemState): number {
    return this.#counts.get(state) ?? 0;
  }
}

/**
 * Works through all items of a plan, page by page. Ends early when cancelled, when the plan is no longer in the state
 * for it, or when a backend does not answer; all that was done by then is kept, and the same call goes on from there.
 */
export async function workThrough(
  { journal, clock }: { readonly journal: PlanJournal; readonly clock: Clock },
  plan: KeptPlan,
  { signal, progress }: PlanWorkOptions,
  work: ItemWork,
): Promise<PlanTally> {
  const tally = new PlanTally();
  const { expiresAtMs } = plan;
  const flights = new Flights(PAGES_AT_ONCE);
  let ended: "cancelled" | "by another" | undefined;
  let pages = 0;
  try {
    for await (const page of journal.pages(plan.id)) {
      if (flights.hasFailed) break;
      if (signal?.aborted === true) ended = "cancelled";
      else if (pages > 0 && (await journal.plan(plan.id)).state !== plan.state)
        ended = "by another";
      if (ended !== undefined) break;
      pages += 1;
      await flights.begin(async () => {
        const items = await finishPage({ journal, clock, expiresAtMs }, page, work);
        for (const item of items) tally.add(item, work);
        progress?.(tally.done, plan.items);
      });
    }
  } finally {
    await flights.land();
  }
  if (ended === "cancelled") {
    throw new LockstepError(
      "ABORTED",
      `Cancelled after ${tally.done} of ${plan.items} keys; the same call goes on from there.`,
    );
  }
  if (ended === "by another")
    throw new LockstepError("PLAN_REFUSED", "Another call has ended this one's work.");
  return tally;
}

/** Looks at the keys of those items that are open still, all together, and decides for each by what was seen. */
export async function decideOpen(
  looker: Looker,
  items: readonly KeptItem[],
  {
    isOpen,
    decide,
  }: {
    readonly isOpen: (item: KeptItem) => boolean;
    readonly decide: (item: KeptItem, seen: LivingInspection) => ItemDecision;
  },
): Promise<readonly ItemDecision[]> {
  const open = items.filter(isOpen);
  const looks = await looker.inspectAgain(open.map(({ key }) => key));
  const seen = new Map(open.map((item, at) => [item, looks[at] as LivingInspection]));
  return items.map((item) => {
    const look = seen.get(item);
    return look === undefined ? { do: "nothing" } : decide(item, look);
  });
}

/** The version of the write that was made under this idempotency key, if it was made and is still remembered. */
export function madeUnder(
  { cache, events, shadow }: Look,
  idempotencyKey: string,
): Version | undefined {
  const lists = [
    cache.meta?.idempotency,
    shadow?.idempotency,
    ...events.map(({ entry }) => entry.idempotency),
  ];
  return versionUnder(
    lists.flatMap((records) => records ?? []),
    idempotencyKey,
  );
}

/** Under which a plan's own repairs are recognised. */
export function repairMark(planId: string): string {
  return `lockstep repair ${planId}`;
}
