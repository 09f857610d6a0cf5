import type { Entry, SyncMethod } from "../model/entry.ts";
import { ERRORS, type ErrorKind } from "../model/error-table.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { OutboxEvent } from "../store/outbox-port.ts";
import { partlyLanded } from "../store/partly-landed.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import { newestPerKey } from "./project-batch.ts";

/** Errors that speak of the store or of this process, and would meet any other write too. */
const KINDS_OF_ANY_WRITE: ReadonlySet<ErrorKind> = new Set(["unavailable", "aborted", "start-up"]);

export interface AppliedEntries {
  /** What the shadow has now of each key that it took. */
  readonly versions: ReadonlyMap<string, Version>;
  /** Why it did not take the others, by key. */
  readonly refused: ReadonlyMap<string, unknown>;
}

export interface AppliedEvents {
  readonly versions: ReadonlyMap<string, Version>;
  readonly refused: readonly RefusedEvent[];
}

export interface RefusedEvent {
  readonly event: OutboxEvent;
  readonly error: unknown;
}

/** Whether the error speaks of the one write, so that the same write would meet it again and another one would not. */
export function isRefusal(error: unknown): boolean {
  const code = LockstepError.codeOf(error);
  return code === undefined || !KINDS_OF_ANY_WRITE.has(ERRORS[code].kind);
}

/**
 * Brings entries, each key once, into the shadow, and those that it refuses are in nobody's way: a bulk that fails
 * because of one entry is halved until that one stands alone. Fails as the store does where that is down, with UNKNOWN_OUTCOME
 * where it goes down on the way.
 */
export async function applyEntries(
  store: Pick<StorePort, "applyNewer">,
  entries: readonly Entry[],
  life: StatementLife,
  method: SyncMethod = "EVENT_BASED",
): Promise<AppliedEntries> {
  if (entries.length === 0) return { versions: new Map(), refused: new Map() };
  try {
    return { versions: await store.applyNewer(entries, method, life), refused: new Map() };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [alone] = entries;
    if (entries.length === 1 && alone !== undefined) {
      return { versions: new Map(), refused: new Map([[alone.key, error]]) };
    }
  }
  const middle = Math.ceil(entries.length / 2);
  try {
    const first = await applyEntries(store, entries.slice(0, middle), life, method);
    const second = await applyEntries(store, entries.slice(middle), life, method);
    return {
      versions: new Map([...first.versions, ...second.versions]),
      refused: new Map([...first.refused, ...second.refused]),
    };
  } catch (error) {
    // A bulk that refuses one entry has mostly taken the others.
    throw partlyLanded(error);
  }
}

/** The same for events, of which only the newest of each key is written; where that is refused, the next older one. */
export async function applyEvents(
  store: Pick<StorePort, "applyNewer">,
  events: readonly OutboxEvent[],
  life: StatementLife,
): Promise<AppliedEvents> {
  const versions = new Map<string, Version>();
  const refused: RefusedEvent[] = [];
  let left = events;
  while (left.length > 0) {
    const newest = newestPerKey(left);
    const applied = await applyEntries(store, newest, life);
    for (const [key, version] of applied.versions) versions.set(key, version);
    if (applied.refused.size === 0) break;
    const tried = new Map(newest.map(({ key, version }) => [key, version]));
    const ofRefusedKeys = left.filter(({ entry }) => applied.refused.has(entry.key));
    left = ofRefusedKeys.filter(({ entry }) => entry.version !== tried.get(entry.key));
    for (const event of ofRefusedKeys) {
      if (event.entry.version === tried.get(event.entry.key)) {
        refused.push({ event, error: applied.refused.get(event.entry.key) });
      }
    }
  }
  return { versions, refused };
}
