import { chunksOf } from "../lib/chunks-of.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import {
  type KeptRecord,
  type NewRecord,
  RECORDS_MAX,
  type RecordsPort,
} from "../store/records-port.ts";
import type { CopyClass } from "./classify.ts";
import type { RepairAction, RepairStrategy } from "./plan-repair.ts";

const PLAN = "repair_plan";
const ITEM = "repair_item";

/** Plans that are kept at most, however few keys they have: fewer than one list can show. */
const PLANS_MAX = 400;

/** planned → applying → applied → undoing → undone; a plan may be undone before all of it was applied. */
export type PlanState = "planned" | "applying" | "applied" | "undoing" | "undone";

export interface KeptPlan {
  readonly id: string;
  readonly strategy: RepairStrategy;
  readonly prefix: string | null;
  /** Of all that was seen of its keys. */
  readonly digest: string;
  readonly items: number;
  readonly madeAtMs: number;
  /** Until when it can be applied, and once that has begun, undone. */
  readonly expiresAtMs: number;
  readonly state: PlanState;
}

/**
 * How far one key of a plan is:
 * - planned: nothing was done
 * - begun: what the repair takes away is kept here; the step may have been taken
 * - applied, moved (it had changed since the plan, and nothing was done), failed
 * - restored: the undo has brought back what was taken away
 * - stands: it had changed since the repair, and the undo did nothing
 */
export type ItemState =
  | "planned"
  | "begun"
  | "applied"
  | "moved"
  | "failed"
  | "restored"
  | "stands"
  | "restore_failed";

export interface PlannedItem {
  readonly key: string;
  readonly copyClass: CopyClass;
  readonly action: RepairAction;
  readonly fingerprint: string;
  /** The newest version that either side had, when the plan was made. */
  readonly seenVersion: Version | null;
}

export interface KeptItem extends PlannedItem {
  readonly state: ItemState;
  /** What the repair takes away, from {@link ItemState} begun on. */
  readonly taken: { readonly value: string; readonly expiresAtMs: number | null } | null;
  /** The newest version of the key as the repair left it. */
  readonly version: Version | null;
  /** Why it failed. */
  readonly why: string | null;
}

/** What may change of an item. */
export type ItemChange = Partial<Omit<KeptItem, keyof PlannedItem>>;

/** An item as it was read, to be changed by whoever read it last. */
export interface ItemRecord {
  readonly item: KeptItem;
  readonly record: KeptRecord;
}

/**
 * Repair plans and how far they are, with what each repair took away, in the store: whatever process made a plan, any
 * can apply it, go on after a crash, and undo it. Errors: STORE_UNAVAILABLE.
 */
export class PlanJournal {
  readonly #records: RecordsPort;

  constructor(records: RecordsPort) {
    this.#records = records;
  }

  /** The items first: a plan that is there is whole. They are kept until `itemsExpireAtMs`. */
  async keep(
    plan: KeptPlan,
    items: readonly PlannedItem[],
    itemsExpireAtMs: number,
  ): Promise<void> {
    const records = items.map((planned, at): NewRecord => {
      const item: KeptItem = {
        ...planned,
        state: "planned",
        taken: null,
        version: null,
        why: null,
      };
      return {
        kind: ITEM,
        id: `${plan.id}/${String(at).padStart(6, "0")}`,
        group: plan.id,
        atMs: plan.madeAtMs,
        expiresAtMs: itemsExpireAtMs,
        body: { ...item },
      };
    });
    for (const some of chunksOf(records, RECORDS_MAX)) await this.#records.put(some);
    await this.#records.put([planRecord(plan)]);
  }

  /** Error: PLAN_NOT_FOUND. */
  async plan(id: string): Promise<KeptPlan> {
    return planOf(await this.#plan(id));
  }

  /** Changes how far a plan is. `decide` sees it as it stands, and may be asked again; it throws to refuse. Error: PLAN_NOT_FOUND. */
  async change(id: string, decide: (plan: KeptPlan) => KeptPlan): Promise<KeptPlan> {
    for (;;) {
      const record = await this.#plan(id);
      const changed = decide(planOf(record));
      if (await this.#records.replace(planRecord(changed), record.revision)) return changed;
    }
  }

  async #plan(id: string): Promise<KeptRecord> {
    const record = await this.#records.get(PLAN, id);
    if (record === undefined) throw notFound(id);
    return record;
  }

  /** The items of a plan, `limit` at a time: one may hold a value of the largest size. */
  async *items(planId: string, limit: number): AsyncGenerator<readonly ItemRecord[]> {
    let last: KeptRecord | undefined;
    for (;;) {
      const page: readonly KeptRecord[] = await this.#records.list(ITEM, {
        group: planId,
        limit,
        ...(last === undefined ? {} : { before: last }),
      });
      if (page.length > 0) yield page.map(read);
      last = page.at(-1);
      if (page.length < limit) return;
    }
  }

  /** Changes an item unless it has changed since it was read: then, as undefined, it is somebody else's. */
  async advance(
    { item, record }: ItemRecord,
    change: ItemChange,
    expiresAtMs: number,
  ): Promise<ItemRecord | undefined> {
    const changed = { ...item, ...change };
    const { kind, id, group, atMs, revision } = record;
    const next = { kind, id, group, atMs, expiresAtMs, body: { ...changed } };
    if (!(await this.#records.replace(next, revision))) return undefined;
    return { item: changed, record: { ...next, revision: revision + 1 } };
  }

  /** The item as it stands now. Error: PLAN_NOT_FOUND, once it is kept no more. */
  async again({ record }: ItemRecord): Promise<ItemRecord> {
    const now = await this.#records.get(ITEM, record.id);
    if (now === undefined) throw notFound(record.group);
    return read(now);
  }

  /** Forgets the oldest plans, so that no more than `itemsMax` items stay; the newest plan stays whatever it has. */
  async trim(itemsMax: number): Promise<void> {
    let kept = 0;
    const plans = await this.#records.list(PLAN, { limit: RECORDS_MAX });
    for (const [at, { id, body }] of plans.entries()) {
      kept += planOf({ body }).items;
      if (at === 0 || (kept <= itemsMax && at < PLANS_MAX)) continue;
      await this.#records.remove(PLAN, id);
      await this.#records.trim(ITEM, { group: id, keep: 0 });
    }
  }
}

function planRecord(plan: KeptPlan): NewRecord {
  const { id, madeAtMs, expiresAtMs } = plan;
  return { kind: PLAN, id, group: "", atMs: madeAtMs, expiresAtMs, body: { ...plan } };
}

/** The body of a record is what {@link planRecord} made of it. */
function planOf({ body }: Pick<KeptRecord, "body">): KeptPlan {
  return body as unknown as KeptPlan;
}

function notFound(id: string): LockstepError {
  return new LockstepError(
    "PLAN_NOT_FOUND",
    `There is no repair plan ${JSON.stringify(id)}, or it is no longer kept.`,
  );
}

function read(record: KeptRecord): ItemRecord {
  return { item: record.body as unknown as KeptItem, record };
}
