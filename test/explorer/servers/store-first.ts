/**
 * What SQLite and the copies in each process do together, store first. A function is one transaction, or one turn of
 * the event loop of one process.
 */
import { mint } from "../past.ts";
import type { Setting } from "../setting.ts";
import { type Entry, isDead, versionNo, type World } from "../world.ts";
import { entryFor, type Wish } from "./redis.ts";
import { append, current, upsert } from "./store.ts";

/** The write of the authority: mints above everything there is, writes row or event, and makes other copies old. */
export function commitWrite(
  setting: Setting,
  draft: World,
  {
    process,
    wish,
    to,
  }: { readonly process: number; readonly wish: Wish; readonly to: "shadow" | "outbox" },
): Entry {
  draft.store.lastSeq += 1;
  const version = versionNo(draft.store.epoch, draft.store.lastSeq);
  const entry = entryFor(setting, draft.now, version, wish);
  mint(draft, entry, true);
  if (to === "outbox") append(draft, entry);
  else upsert(setting, draft, entry);
  committed(draft, process);
  return entry;
}

/** Another connection has committed: PRAGMA data_version changes for every process but the one that did. */
export function committed(draft: World, process: number): void {
  draft.copies = draft.copies.map((copy, owner) =>
    copy === null || owner === process ? copy : { ...copy, fresh: false },
  );
}

/** The copy follows what the store has just said. */
export function keepCopy(draft: World, process: number, entry: Entry | null): void {
  const held = draft.copies[process] ?? null;
  if (entry === null || entry.text === null) draft.copies[process] = null;
  else if (held === null || held.entry.version <= entry.version) {
    draft.copies[process] = { entry, fresh: true };
  }
}

/** What a read finds in the store, in one transaction. */
export function load({ rules }: Setting, world: World): Entry | null {
  return rules.events_first ? current(world) : world.store.row;
}

/** What a read answers from its copy: undefined where it has to ask the store. */
export function hit({ rules }: Setting, world: World, process: number): string | null | undefined {
  const copy = world.copies[process] ?? null;
  if (copy === null || (rules.change_stamp && !copy.fresh)) return undefined;
  return isDead(copy.entry, world.now) ? null : copy.entry.text;
}
