/** The store as every driver has it: an only-newer row, events, an epoch. Each function is one statement. */
import { complain } from "../past.ts";
import type { Setting } from "../setting.ts";
import { type Entry, type Event, newestOf, type Version, type World } from "../world.ts";

/** Writes the entry unless the row is as new; answers with the version that the row has now. */
export function upsert({ rules }: Setting, draft: World, entry: Entry): Version {
  const { store, past } = draft;
  const isNewer = entry.version > (store.row?.version ?? 0);
  if (!isNewer && rules.conditional_upsert) return store.row?.version ?? 0;
  if (entry.version < past.shadowMax) {
    complain(draft, "G5", `the shadow went back from ${past.shadowMax} to ${entry.version}`);
  }
  past.shadowMax = Math.max(past.shadowMax, entry.version);
  if (entry.text === null && !rules.tombstones) past.forgotten = entry.version;
  store.row = past.forgotten === entry.version ? null : remembering(entry, store.row);
  return entry.version;
}

/** A write that did not know the idempotency keys so far leaves those of the row standing. */
function remembering(entry: Entry, row: Entry | null): Entry {
  return entry.keys === undefined && row?.keys !== undefined ? { ...entry, keys: row.keys } : entry;
}

/** Whether a statement may do nothing any more, because it was stamped before the last tick: a tick is the grace time. */
export function isTooOld({ mayPurge, rules }: Setting, { now }: World, born: number): boolean {
  return mayPurge && rules.statement_life && born < now;
}

/** A row that has been dead for the grace time. */
export function isPurgeable({ purgeAt }: Entry, now: number): boolean {
  return purgeAt !== undefined && purgeAt <= now;
}

export function append(draft: World, entry: Entry): void {
  const { store } = draft;
  const copies = store.events.filter((event) => event.entry.version === entry.version).length;
  const event = { id: `${entry.version}#${copies}`, entry };
  store.events = [...store.events, event];
}

/** Events that were processed a grace time ago are kept no longer. */
export function forgetProcessed({ store, now }: World): void {
  store.processed = store.processed.filter(({ processedAt = 0 }) => processedAt >= now);
}

/** The newest of the row and of what waits to be applied to it, both at one instant. */
export function current({ store }: World): Entry | null {
  return newestOf([store.row, ...store.events.map((event) => event.entry)]);
}

export function newestEvent(events: readonly Event[]): Entry | null {
  return newestOf(events.map((event) => event.entry));
}

export function markProcessed({ mayPurge }: Setting, draft: World, ids: readonly string[]): void {
  const { store } = draft;
  const done = store.events.filter((event) => ids.includes(event.id));
  store.events = store.events.filter((event) => !ids.includes(event.id));
  if (!mayPurge) return;
  const processed = done.map((event) => ({ ...event, processedAt: draft.now }));
  store.processed = [...store.processed, ...processed];
}
