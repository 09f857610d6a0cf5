import { chunksBySize } from "../lib/chunks-by-size.ts";
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
const PAGE_KIND = "repair_page";

/** Plans with an undo, and as many others, that are kept at most, however few keys they have: together fewer than one list can show. */
const PLANS_MAX = 200;

/** What the items of a page have of values, in characters: kept as JSON they may take six times as much, and a record has its limit. */
const PAGE = { itemsMax: 128, sizeMax: 2_000_000 };

/** planned → applying → applied → undoing → undone; a plan may be undone before all of it was applied. */
export type PlanState = "planned" | "applying" | "applied" | "undoing" | "undone";

/** What an undo needs is kept with them, or is being kept. */
const WITH_UNDO: ReadonlySet<PlanState> = new Set(["applying", "applied", "undoing"]);

/** Somebody works on them, or has died of it; then their time ends them. */
const BEING_WORKED_ON: ReadonlySet<PlanState> = new Set(["applying", "undoing"]);

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
  /** About how much of values both sides had then. */
  readonly bytes: number;
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

const UNTOUCHED = { state: "planned", taken: null, version: null, why: null } as const;

/** What may change of an item. */
export type ItemChange = Partial<Omit<KeptItem, keyof PlannedItem>>;

/** Items that are worked on together, many with small values or few with large ones, as they were read: to be changed by whoever read them last. */
export interface PlanPage {
  readonly items: readonly KeptItem[];
  readonly record: KeptRecord;
}

/**
 * Repair plans and how far they are, with what each repair took away, in the store: whatever process made a plan, any
 * can apply it, go on after a crash, and undo it. Errors: STORE_UNAVAILABLE.
 */
export class PlanJournal {
  readonly #records: RecordsPort;
  readonly #keysMax: number;

  /** `keysMax`: of so many repaired keys what was taken away is kept, and so many more may be planned for. */
  constructor(records: RecordsPort, keysMax: number) {
    this.#records = records;
    this.#keysMax = keysMax;
  }

  /** The items first: a plan that is there is whole. They are kept until `itemsExpireAtMs`. */
  async keep(
    plan: Omit<KeptPlan, "items">,
    items: readonly PlannedItem[],
    itemsExpireAtMs: number,
  ): Promise<void> {
    const pages = chunksBySize(items, ({ bytes }) => bytes, PAGE);
    for (const [at, page] of pages.entries()) {
      const kept = page.map((planned): KeptItem => ({ ...planned, ...UNTOUCHED }));
      await this.#records.put([
        {
          kind: PAGE_KIND,
          id: `${plan.id}/${String(at).padStart(6, "0")}`,
          group: plan.id,
          atMs: plan.madeAtMs,
          expiresAtMs: itemsExpireAtMs,
          body: { items: kept },
        },
      ]);
    }
    await this.#records.put([planRecord({ ...plan, items: items.length })]);
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

  /** The items of a plan, page by page. */
  async *pages(planId: string): AsyncGenerator<PlanPage> {
    let last: KeptRecord | undefined;
    for (;;) {
      const [record]: readonly KeptRecord[] = await this.#records.list(PAGE_KIND, {
        group: planId,
        limit: 1,
        ...(last === undefined ? {} : { before: last }),
      });
      if (record === undefined) return;
      yield read(record);
      last = record;
    }
  }

  /** Changes items of a page, each by its place, unless the page has changed since it was read: then, as undefined, nothing is changed. */
  async advance(
    { items, record }: PlanPage,
    changes: ReadonlyMap<number, ItemChange>,
    expiresAtMs: number,
  ): Promise<PlanPage | undefined> {
    const changed = items.map((item, place) => ({ ...item, ...changes.get(place) }));
    const { kind, id, group, atMs, revision } = record;
    const next = { kind, id, group, atMs, expiresAtMs, body: { items: changed } };
    if (!(await this.#records.replace(next, revision))) return undefined;
    return { items: changed, record: { ...next, revision: revision + 1 } };
  }

  /** The page as it stands now. Error: PLAN_NOT_FOUND, once it is kept no more. */
  async again({ record }: PlanPage): Promise<PlanPage> {
    const now = await this.#records.get(PAGE_KIND, record.id);
    if (now === undefined) throw notFound(record.group);
    return read(now);
  }

  /**
   * Forgets the oldest plans where there is no room for all of them. Those with an undo and the others have room of their own, or
   * whoever merely plans would push out what others can still undo. The newest plan of each stays whatever it has.
   */
  async trim(): Promise<void> {
    const records = await this.#records.list(PLAN, { limit: RECORDS_MAX });
    const isWithUndo = (record: KeptRecord) => WITH_UNDO.has(planOf(record).state);
    await this.#trim(records.filter(isWithUndo));
    await this.#trim(records.filter((record) => !isWithUndo(record)));
  }

  async #trim(records: readonly KeptRecord[]): Promise<void> {
    // A plan that was applied late is as new as its repairs are.
    const newestFirst = records.toSorted(
      (one, other) => planOf(other).expiresAtMs - planOf(one).expiresAtMs,
    );
    let keys = 0;
    for (const [at, record] of newestFirst.entries()) {
      const { items, state } = planOf(record);
      keys += items;
      const hasRoom = at === 0 || (keys <= this.#keysMax && at < PLANS_MAX);
      if (!hasRoom && !BEING_WORKED_ON.has(state)) await this.#forget(record);
    }
  }

  /** Unless somebody has begun to work on it since it was read. */
  async #forget({ id, body, revision }: KeptRecord): Promise<void> {
    const ended = { ...planRecord(planOf({ body })), expiresAtMs: 0 };
    if (!(await this.#records.replace(ended, revision))) return;
    await this.#records.remove(PLAN, id);
    await this.#records.trim(PAGE_KIND, { group: id, keep: 0 });
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

function read(record: KeptRecord): PlanPage {
  return { items: record.body["items"] as readonly KeptItem[], record };
}
