import type { Clock } from "../lib/clock.ts";
import { versionUnder } from "../model/idempotency.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { Look } from "./classify.ts";
import { finishItem, type ItemWork } from "./finish-item.ts";
import type { ItemState, KeptItem, KeptPlan, PlanJournal } from "./plan-journal.ts";

/** So many keys are worked on at once: each may hold three values of the largest size. */
const ITEMS_AT_ONCE = 16;

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
 * Works through all items of a plan, some at a time. Ends early when cancelled, when the plan is no longer in the state
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
  for await (const page of journal.items(plan.id, ITEMS_AT_ONCE)) {
    if (signal?.aborted === true) {
      throw new LockstepError(
        "ABORTED",
        `Cancelled after ${tally.done} of ${plan.items} keys; the same call goes on from there.`,
      );
    }
    if (tally.done > 0 && (await journal.plan(plan.id)).state !== plan.state)
      throw new LockstepError("PLAN_REFUSED", "Another call has ended this one's work.");
    const ended = await Promise.allSettled(
      page.map((found) => finishItem({ journal, clock, expiresAtMs }, found, work)),
    );
    for (const one of ended) {
      if (one.status === "rejected") throw one.reason;
      tally.add(one.value, work);
    }
    progress?.(tally.done, plan.items);
  }
  return tally;
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
