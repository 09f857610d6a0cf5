import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { EntryState } from "./compare-entry.ts";
import { EntrySettler } from "./entry-settler.ts";
import { LockedKeys } from "./locked-keys.ts";
import type { Model } from "./model.ts";
import { type ModelBackends, requireBackends } from "./model-backends.ts";
import { type EntryLook, idInKey, idOf, ModelLooker } from "./model-looker.ts";
import type { ModelRegistry } from "./model-registry.ts";
import { Pace } from "./pace.ts";
import { actionFor, skipReasonOf } from "./plan-change.ts";
import { FIRST_PLACE, ReconcileCheckpoint, type ReconcilePlace } from "./reconcile-checkpoint.ts";
import { ReconcileTally, type SkippedKey } from "./reconcile-tally.ts";

export const BATCH_SIZE_DEFAULT = 100;
export const INSTANCES_MAX_DEFAULT = 1_000;

/** So many keys are settled under their locks at once, so that no lock outlives its time. */
const SETTLED_AT_ONCE = 50;

/** How often keys that were locked are tried again, milliseconds. */
const COME_BACK_POLL_MS = 250;

/** How many keys of the database one page of the scan for orphans looks at. */
const PAGE_LOOKED = 1_000;

export interface ReconcileRequest {
  /** The document is right, also where its entry looks newer. */
  readonly force?: boolean;
  /** How many documents are read at once; default 100. */
  readonly batchSize?: number;
  /**
   * How many documents and orphaned entries this call looks at, at most; the next one goes on from there. Default 1,000;
   * with `checkOnly`, which keeps no place to go on from, all.
   */
  readonly maxInstances?: number | undefined;
  /** Says what would be done, and writes nothing at all. */
  readonly checkOnly?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total?: number) => void;
}

/** With `checkOnly`, the changes are those that would have been made. */
export interface Reconciliation {
  readonly model: string;
  /** Documents, and entries without one, that were looked at. */
  readonly checked: number;
  /** Entries written for documents that had none. */
  readonly created: number;
  /** Entries written from newer documents, and documents from newer entries. */
  readonly updated: number;
  /** Entries removed whose document does not exist. */
  readonly removed: number;
  /** Left as they are; the sum of the six reasons. */
  readonly skipped: number;
  /** Skipped: neither version nor timestamp could be compared. */
  readonly missingTimestamps: number;
  /** Skipped: the key holds another Redis type. */
  readonly otherType: number;
  /** Skipped: the entry cannot be read, and the model has the cache win. */
  readonly undecodable: number;
  /** Skipped: documents that lack a field of the key, or have one that does not fit in it. */
  readonly withoutKey: number;
  /** Skipped: the key is Lockstep's own, written by kv_set or the like. */
  readonly lockstepKeys: number;
  /** Skipped: entries without a document, where the model keeps them. */
  readonly keptOrphans: number;
  /** Keys that were skipped, except kept orphans; the first 100. */
  readonly skippedKeys: readonly SkippedKey[];
  readonly truncated: boolean;
  /** Locked by somebody else for longer than a lock of ours lives, or changed all the time. */
  readonly conflicts: number;
  /** Documents that could not be written. */
  readonly errors: number;
  /** Whether the end of the collection and of the keys was reached. */
  readonly complete: boolean;
  /** What was not looked at because this call might look at no more, in words; null where it is complete. */
  readonly notLookedAt: string | null;
  /** Whether it went on where an earlier one had stopped; what that one had looked at is in none of these counts. */
  readonly resumed: boolean;
  /** Where that was, in words; null where it began at the beginning. */
  readonly resumedFrom: string | null;
  readonly tookMs: number;
}

export interface ModelReconcilerParts {
  readonly registry: ModelRegistry;
  readonly backends: ModelBackends;
  readonly records: RecordsPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How many documents and keys are looked at in a second; 0 for no limit. */
  readonly perSec: number;
}

/**
 * Brings entries and documents of a model together: first document by document in the order of ids, then entry by entry
 * for those without a document. After each batch it keeps its place, so that the next call goes on there after a
 * crash, a cancellation, or `maxInstances`. Keys that are locked are passed over and come last: locks that a crash has
 * left have expired by then, or are waited for. Several at once do the same work and no harm.
 */
export class ModelReconciler {
  readonly #parts: ModelReconcilerParts;
  readonly #looker: ModelLooker;
  readonly #settler: EntrySettler;

  constructor(parts: ModelReconcilerParts) {
    this.#parts = parts;
    this.#looker = new ModelLooker(parts.backends, parts.clock);
    this.#settler = new EntrySettler({ ...parts, looker: this.#looker });
  }

  /**
   * Errors: MODELS_NOT_CONFIGURED, INPUT_INVALID (no such model), CACHE_UNAVAILABLE, STORE_UNAVAILABLE, UNKNOWN_OUTCOME,
   * OVERLOADED, ABORTED; what had been done by then stands.
   */
  async reconcile(name: string, request: ReconcileRequest = {}): Promise<Reconciliation> {
    const { clock, registry, backends, records, perSec } = this.#parts;
    const { force = false, checkOnly = false } = request;
    const model = registry.get(name);
    const { documents } = requireBackends(backends);
    const startedMs = clock.monotonicMs();
    const checkpoint = checkOnly
      ? undefined
      : new ReconcileCheckpoint({ records, clock }, { model, force });
    const kept = (await checkpoint?.read()) ?? { place: FIRST_PLACE, locked: [] };
    const run = new Run(request, new Pace(clock, perSec), new LockedKeys(clock, kept.locked));
    const total = Math.min(run.max, await documents.count(model.collection));
    let place: ReconcilePlace | undefined = kept.place;
    while (place !== undefined && place.phase !== "locked" && run.left > 0) {
      stopIfAborted(request.signal);
      place = await this.#step(model, place, run);
      if (place === undefined && run.locked.size > 0) place = { phase: "locked" };
      await checkpoint?.write(place, run.locked.keys);
      request.progress?.(run.tally.checked, Math.max(total, run.tally.checked));
    }
    if (run.locked.size > 0 || place?.phase === "locked") {
      await this.#comeBack(model, run);
      if (place?.phase === "locked") place = undefined;
      await checkpoint?.write(place, []);
    }
    this.#warnOfOwn(model, run.tally);
    const resumed = kept.place !== FIRST_PLACE;
    return {
      model: model.name,
      checked: run.tally.checked,
      ...run.tally.counts,
      skippedKeys: run.tally.skippedKeys,
      truncated: run.tally.truncated,
      complete: place === undefined,
      notLookedAt: place === undefined ? null : beyond(model, place, checkOnly),
      resumed,
      resumedFrom: resumed ? placeText(model, kept.place) : null,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  /** Two owners of one key is a mistake in the declaration, or in who writes where. */
  #warnOfOwn(model: Model, { counts, skippedKeys }: ReconcileTally): void {
    if (counts.lockstepKeys === 0) return;
    const keys = skippedKeys.filter(({ why }) => why === "lockstepKeys").map(({ key }) => key);
    this.#parts.log.warn(
      { model: model.name, keys },
      `Left alone ${counts.lockstepKeys} keys that have the form of ${model.name} and are Lockstep's own`,
    );
  }

  async #step(
    model: Model,
    place: Exclude<ReconcilePlace, { readonly phase: "locked" }>,
    run: Run,
  ): Promise<ReconcilePlace | undefined> {
    return place.phase === "documents"
      ? this.#stepDocuments(model, place.after, run)
      : this.#stepKeys(model, place.cursor, run);
  }

  async #stepDocuments(model: Model, after: string | undefined, run: Run): Promise<ReconcilePlace> {
    const { documents } = requireBackends(this.#parts.backends);
    const { request, pace, tally } = run;
    const limit = Math.min(request.batchSize ?? BATCH_SIZE_DEFAULT, run.left);
    await pace.take(limit, request.signal);
    stopIfAborted(request.signal);
    const page = await documents.page(model.collection, { after, limit });
    const looks = await this.#looker.lookAtDocuments(model, page);
    tally.checked += page.length;
    tally.skipWithoutKey(page.length - looks.length);
    await this.#settle(model, looks, run);
    const last = idOf(model, page.at(-1));
    return page.length < limit || last === undefined
      ? { phase: "keys", cursor: undefined }
      : { phase: "documents", after: last };
  }

  /** An entry without a document counts once it has stood so for a while: the document may be on its way. */
  async #stepKeys(
    model: Model,
    cursor: string | undefined,
    run: Run,
  ): Promise<ReconcilePlace | undefined> {
    const { keys } = requireBackends(this.#parts.backends);
    const { request, pace, tally } = run;
    const page = await keys.scan({ pattern: model.key.pattern, cursor, looked: PAGE_LOOKED });
    const batchSize = request.batchSize ?? BATCH_SIZE_DEFAULT;
    let isWhole = true;
    for (const chunk of chunksOf([...new Set(page.keys)], batchSize)) {
      await pace.take(chunk.length, request.signal);
      const looks = await this.#looker.lookAtKeys(model, chunk);
      // Those with a document were counted with it.
      const foreign = looks.filter(
        ({ document, found }) => document === undefined && isForeign(found),
      );
      tally.checked += foreign.length;
      for (const { key, found } of foreign) tally.skip(key, skipReasonOf(found));
      const suspects = looks.filter(({ found }) => found.state === "orphaned");
      const { settled } = await this.#looker.confirm(model, suspects, request.signal);
      // A cancelled wait was no second look.
      stopIfAborted(request.signal);
      const orphans = settled.filter(({ found }) => found.state === "orphaned");
      // Those that stay would be the first again the next time, and nothing after them would ever be looked at.
      const taken = model.orphans === "keep" ? orphans : orphans.slice(0, run.left);
      tally.checked += taken.length;
      await this.#settle(model, taken, run);
      isWhole &&= taken.length === orphans.length;
    }
    if (!isWhole) return { phase: "keys", cursor };
    return page.cursor === undefined ? undefined : { phase: "keys", cursor: page.cursor };
  }

  async #settle(model: Model, looks: readonly EntryLook[], run: Run): Promise<void> {
    const { force = false, checkOnly = false, signal } = run.request;
    const { tally, locked } = run;
    const toDo: EntryLook[] = [];
    for (const look of looks) {
      const action = actionFor(model, look.found, force);
      if (action === "skip") {
        const why = skipReasonOf(look.found);
        tally.skip(look.key, why);
        if (why === "missingTimestamps") {
          this.#parts.log.warn(
            { model: model.name, key: look.key },
            `Missing timestamps for comparison: ${look.key}`,
          );
        }
      } else if (action !== "none") toDo.push(look);
    }
    if (checkOnly) {
      for (const { found } of toDo) tally.countPlanned(actionFor(model, found, force));
      return;
    }
    for (const some of chunksOf(toDo, SETTLED_AT_ONCE)) {
      // The batch is not over, so the next call begins with it again.
      stopIfAborted(signal);
      const settlements = await this.#settler.settle(model, some, { force, signal });
      for (const [key, settlement] of settlements) {
        if (settlement !== "locked" || !locked.add(key)) tally.count(key, settlement);
      }
    }
  }

  /** Settles what was locked, each key as soon as its lock is free, until only those are left that somebody holds who lives. */
  async #comeBack(model: Model, { request, tally, locked }: Run): Promise<void> {
    const { force = false, signal } = request;
    tally.checked += locked.carried;
    for (;;) {
      const triedMs = this.#parts.clock.monotonicMs();
      for (const keys of chunksOf(locked.keys, SETTLED_AT_ONCE)) {
        stopIfAborted(signal);
        const wanted = keys.map((key) => ({ key, id: idInKey(model, key) }));
        // Without waiting under locks that were taken, which might expire meanwhile.
        const settlements = await this.#settler.settle(model, wanted, { force, lockWaitMs: 0 });
        for (const key of keys) {
          const settlement = settlements.get(key) ?? "unchanged";
          if (settlement === "locked" && !locked.isHeldByTheLiving(key, triedMs)) continue;
          locked.delete(key);
          tally.count(key, settlement);
        }
      }
      if (locked.size === 0) return;
      await this.#parts.clock.sleep(COME_BACK_POLL_MS, signal);
    }
  }
}

class Run {
  readonly request: ReconcileRequest;
  readonly pace: Pace;
  readonly locked: LockedKeys;
  readonly tally = new ReconcileTally();
  /** How many this call may look at. */
  readonly max: number;

  constructor(request: ReconcileRequest, pace: Pace, locked: LockedKeys) {
    this.request = request;
    this.pace = pace;
    this.locked = locked;
    const byDefault = request.checkOnly === true ? Number.POSITIVE_INFINITY : INSTANCES_MAX_DEFAULT;
    this.max = request.maxInstances ?? byDefault;
  }

  /** How many more this call may look at. */
  get left(): number {
    return this.max - this.tally.checked;
  }
}

/** Not an entry of the model at all, although the key has its form. */
function isForeign(found: EntryState): boolean {
  return found.state === "lockstep" || (found.state === "undecodable" && found.isOtherType);
}

/** Where a run begins that does not begin at the beginning. */
function placeText(model: Model, place: ReconcilePlace): string {
  switch (place.phase) {
    case "documents":
      return place.after === undefined
        ? "the first document"
        : `after the document whose ${model.collection.id.field} is ${place.after}`;
    case "keys":
      return "after the last document, among the entries that have none";
    case "locked":
      return "at the end, with the keys that were locked";
  }
}

/** What lies behind a place, and how to get there. */
function beyond(model: Model, place: ReconcilePlace, checkOnly: boolean): string {
  const { field } = model.collection.id;
  const orphans = "entries without a document";
  const what =
    place.phase === "documents"
      ? `documents whose ${field} comes after ${place.after ?? "the first"}, and ${orphans}`
      : `${orphans} that the scan of the keys has not come to`;
  const how = checkOnly
    ? "checkOnly keeps no place: it takes more maxInstances, or none, to see them"
    : "the next run within a day goes on there";
  return `${what}; ${how}`;
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LockstepError(
    "ABORTED",
    "The reconciliation was cancelled; the next one goes on there.",
  );
}
