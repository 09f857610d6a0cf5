import type { KeyChange, KeyContent, KeyLock, ModelKeysPort } from "../cache/model-keys-port.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { decodeEntry, encodeEntry, shapeOf } from "./cached-entry.ts";
import type { Model } from "./model.ts";
import { type ModelBackends, requireBackends } from "./model-backends.ts";
import type { EntryLook, ModelLooker } from "./model-looker.ts";
import {
  type Action,
  actionFor,
  planBringUp,
  type SkipReason,
  skipReasonOf,
} from "./plan-change.ts";

/** What became of one key. */
export type Settlement =
  | "created"
  | "updated"
  | "removed"
  | "unchanged"
  | SkipReason
  /** Somebody else holds its lock; nothing was looked at. */
  | "locked"
  | "conflict"
  | "failed";

/** A key and the id in it. */
export type SettledKey = Pick<EntryLook, "key" | "id">;

export interface SettleOptions {
  /** The document is right wherever there is one. */
  readonly force: boolean;
  /** How long a lock that somebody else holds is waited for, milliseconds; default a second. */
  readonly lockWaitMs?: number;
  /** Ends that wait. */
  readonly signal?: AbortSignal | undefined;
}

export interface EntrySettlerParts {
  readonly backends: ModelBackends;
  readonly looker: ModelLooker;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How long a lock is held at most, milliseconds: longer than one group takes while both servers are well. */
export const LOCK_MS = 10_000;

/** How long another run may need for a group, and how often its locks are tried meanwhile, milliseconds. */
const LOCK_WAIT_MS = 1_000;
const LOCK_POLL_MS = 50;

/** So often a key is looked at and changed before whoever else changes it is left to it. */
const ROUNDS_MAX = 5;

/**
 * Puts right what was found, each key under its lock `lock:<model>:<id>`.
 *
 * *Taken* → *looked at*, both copies anew → *changed*, conditional on what was seen → looked at again, until there is
 * nothing to change → *given back*. The look after the last change is what makes it safe beside an application that
 * writes a document and then drops its entry, and knows no lock: an older entry that we wrote between the two is dropped
 * by it, one that we wrote after both was made of the new document or is found by that look. A key that never comes to
 * rest is a conflict; an entry of ours that could not be looked at again in peace is taken away.
 */
export class EntrySettler {
  readonly #parts: EntrySettlerParts;

  constructor(parts: EntrySettlerParts) {
    this.#parts = parts;
  }

  /**
   * Settles keys that need it; few enough to be done within the life of a lock. Errors: CACHE_UNAVAILABLE,
   * STORE_UNAVAILABLE, UNKNOWN_OUTCOME, OVERLOADED; each key was then changed as a whole or not at all, or what was
   * lost is the answer.
   */
  async settle(
    model: Model,
    wanted: readonly SettledKey[],
    options: SettleOptions,
  ): Promise<ReadonlyMap<string, Settlement>> {
    const { keys } = requireBackends(this.#parts.backends);
    const { random, log } = this.#parts;
    const group = new Group(wanted, (id) => ({
      name: `lock:${model.name}:${id}`,
      token: random.hex(16),
    }));
    try {
      const locked = await this.#takeLocks(group, keys, options);
      await this.#settleLocked(model, locked, group, options.force);
    } finally {
      // One that cannot be given back is free when its time is over.
      await keys
        .unlockMany([...group.taken])
        .catch((error: unknown) => log.debug({ err: error }, "Locks were not given back"));
    }
    return group.settlements;
  }

  async #takeLocks(
    group: Group,
    keys: ModelKeysPort,
    { lockWaitMs = LOCK_WAIT_MS, signal }: SettleOptions,
  ): Promise<readonly string[]> {
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + lockWaitMs;
    for (;;) {
      const wanted = group.freeLocks();
      const taken = await keys.lockMany(wanted, LOCK_MS);
      for (const [at, lock] of wanted.entries()) if (taken[at] === true) group.taken.add(lock);
      if (group.freeLocks().length === 0 || clock.monotonicMs() >= untilMs) break;
      if (signal?.aborted === true) break;
      await clock.sleep(LOCK_POLL_MS, signal);
    }
    const locked = group.keys.filter((key) => group.taken.has(group.lockOf(key)));
    for (const key of group.keys) if (!locked.includes(key)) group.settle(key, "locked");
    return locked;
  }

  async #settleLocked(
    model: Model,
    locked: readonly string[],
    group: Group,
    force: boolean,
  ): Promise<void> {
    const { looker } = this.#parts;
    let open = locked;
    for (let round = 1; round <= ROUNDS_MAX && open.length > 0; round += 1) {
      const looks = await looker.lookAtKeys(model, open);
      const again = await this.#changeAll(model, looks, group, force);
      open = looks.map(({ key }) => key).filter((key) => again.has(key));
    }
    if (open.length > 0) await this.#giveUp(model, open, group);
  }

  /** Makes one step with each key; answers those that must be looked at again. */
  async #changeAll(
    model: Model,
    looks: readonly EntryLook[],
    group: Group,
    force: boolean,
  ): Promise<ReadonlySet<string>> {
    const again = new Set<string>();
    const changes: {
      readonly look: EntryLook;
      readonly next: KeyContent;
      readonly as: Settlement;
    }[] = [];
    for (const look of looks) {
      const action = actionFor(model, look.found, force);
      const next = action === "bring_up" ? await this.#bringUp(model, look, group) : stepOf(action);
      switch (next) {
        case "write":
          changes.push({
            look,
            next:
              look.document === undefined ? { type: "none" } : encodeEntry(model, look.document),
            as: action === "create" ? "created" : action === "remove" ? "removed" : "updated",
          });
          break;
        case "look":
          again.add(look.key);
          break;
        case "rest":
          group.settle(look.key, action === "skip" ? skipReasonOf(look.found) : "unchanged");
          break;
      }
    }
    const outcomes = await this.#write(model, changes, group);
    for (const [at, { look, next, as }] of changes.entries()) {
      switch (outcomes[at]) {
        case "changed":
          group.settle(look.key, as);
          group.written.set(look.key, next);
          again.add(look.key);
          break;
        case "unlocked":
          group.settle(look.key, "conflict");
          break;
        case "lockstep":
          group.settle(look.key, "lockstepKeys");
          break;
        case "moved":
        case undefined:
          again.add(look.key);
          break;
      }
    }
    return again;
  }

  /** Brings the document up to its entry. "write": nothing of it is new to the document, which is then written to the entry. */
  async #bringUp(model: Model, look: EntryLook, group: Group): Promise<"look" | "write" | "rest"> {
    const { documents } = requireBackends(this.#parts.backends);
    const { log } = this.#parts;
    const { key, id, document, content } = look;
    const entry = decodeEntry(model, content);
    if (document === undefined || entry.state !== "decoded") return "look";
    const plan = planBringUp(model, document, { id, fields: entry.fields });
    if (!plan.can) {
      const named = plan.unclear.join(", ");
      const why = `the type of ${named} cannot be told from the cached text; declare it under types`;
      this.#failed(key, new LockstepError("DOCUMENT_REFUSED", why), group);
      return "rest";
    }
    const { change } = plan;
    if (Object.keys(change.set).length === 0 && change.unset.length === 0) return "write";
    try {
      const outcome = await documents.change(model.collection, change);
      if (outcome === "changed") {
        log.info({ model: model.name, id, key }, `Synced ${model.name} ${id} to DB`);
        group.settle(key, "updated");
      }
      return "look";
    } catch (error) {
      this.#failed(key, error, group);
      // A rule of the collection is about this document alone; anything else is about all.
      if (LockstepError.codeOf(error) !== "DOCUMENT_REFUSED") throw error;
      return "rest";
    }
  }

  #failed(key: string, error: unknown, group: Group): void {
    const cause = error instanceof Error ? error.message : String(error);
    this.#parts.log.error({ key, err: error }, `Error syncing key ${key} to DB: ${cause}`);
    group.settle(key, "failed");
  }

  #write(
    model: Model,
    changes: readonly { readonly look: EntryLook; readonly next: KeyContent }[],
    group: Group,
  ) {
    const { keys } = requireBackends(this.#parts.backends);
    const ttlMs = model.ttlSec === undefined ? undefined : model.ttlSec * 1000;
    const wanted = changes.map(
      ({ look, next }): KeyChange => ({
        key: look.key,
        lock: group.lockOf(look.key),
        seen: look.content,
        next,
        ttlMs,
      }),
    );
    return keys.changeMany(wanted, shapeOf(model));
  }

  /** Takes away what we wrote last, where it still stands: nobody knows whether its document has changed since. */
  async #giveUp(model: Model, open: readonly string[], group: Group): Promise<void> {
    const { keys } = requireBackends(this.#parts.backends);
    const removals = open.flatMap((key): KeyChange[] => {
      group.settle(key, "conflict");
      const seen = group.written.get(key);
      if (seen === undefined || seen.type === "none") return [];
      return [{ key, lock: group.lockOf(key), seen, next: { type: "none" }, ttlMs: undefined }];
    });
    await keys.changeMany(removals, shapeOf(model));
  }
}

function stepOf(action: Exclude<Action, "bring_up">): "write" | "rest" {
  return action === "create" || action === "refresh" || action === "remove" ? "write" : "rest";
}

/** The keys that are settled together: their locks, and what has become of each. */
class Group {
  readonly keys: readonly string[];
  readonly taken = new Set<KeyLock>();
  readonly settlements = new Map<string, Settlement>();
  /** What we wrote last at each key. */
  readonly written = new Map<string, KeyContent>();
  readonly #locks: ReadonlyMap<string, KeyLock>;

  constructor(wanted: readonly SettledKey[], lockFor: (id: string) => KeyLock) {
    this.keys = wanted.map(({ key }) => key);
    // A document that has moved to another key has two of them, and one lock.
    const byId = new Map(wanted.map(({ id }) => [id, lockFor(id)]));
    this.#locks = new Map(wanted.map(({ key, id }) => [key, byId.get(id) ?? lockFor(id)]));
  }

  lockOf(key: string): KeyLock {
    const lock = this.#locks.get(key);
    if (lock === undefined) throw new Error(`The key ${key} is not of this group.`);
    return lock;
  }

  freeLocks(): readonly KeyLock[] {
    return [...new Set(this.#locks.values())].filter((lock) => !this.taken.has(lock));
  }

  /** The first change is what a key is counted as, unless it ends badly. */
  settle(key: string, settlement: Settlement): void {
    const isBad = settlement === "conflict" || settlement === "failed";
    if (isBad || !this.settlements.has(key)) this.settlements.set(key, settlement);
  }
}
