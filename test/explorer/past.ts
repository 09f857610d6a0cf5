/** What the watcher writes down, and what follows from it. Roles tell it what happens and never ask it anything. */
import { breach, type Guarantee } from "./guarantees.ts";
import type { Setting } from "./setting.ts";
import { type Entry, epochOf, isDead, primaryOf, type Version, type World } from "./world.ts";

export function complain(draft: World, guarantee: Guarantee, what: string): void {
  draft.past.wrong ??= breach(guarantee, what);
}

/** A write was decided under a new version; `binding` unless by a server that was left behind. */
export function mint(draft: World, entry: Entry, binding: boolean): void {
  const { past } = draft;
  if (binding && entry.version <= floorOf(draft)) {
    complain(
      draft,
      "G3",
      `version ${entry.version} was given although ${floorOf(draft)} was told before`,
    );
  }
  past.minted = [...past.minted, entry];
}

/** A caller was told that its write is safe, and where. */
export function tell(draft: World, version: Version, where: "shadow" | "outbox" | "journal"): void {
  const { past } = draft;
  if (where === "journal") {
    // A journal that was lost before the caller heard of it is as lost as one that is lost afterwards.
    if (epochOf(version) > past.doubtful || isInJournal(draft, version)) {
      past.journal = Math.max(past.journal, version);
    }
  } else past.durable = Math.max(past.durable, version);
  const entry = past.minted.find((minted) => minted.version === version);
  if (entry?.keys?.at(-1)?.endsWith(`=${version}`) === true) {
    past.toldKeyed = [...past.toldKeyed, version];
  }
}

/** The oldest version that a read which begins now may show. */
export function floorOf({ past }: World): Version {
  const told = past.durable > past.journal ? past.durable : past.journal;
  return told > past.shown ? told : past.shown;
}

export interface ReadAnswer {
  /** The text of a value, or null for "not found". */
  readonly text: string | null;
  /** What {@link floorOf} said when the read began, and the clock then. */
  readonly floor: Version;
  readonly began: number;
}

/**
 * The newest write that nobody may overwrite without having seen it: unpinned, one whose meta was evicted while it was on
 * its way cannot be noticed, so there only those count of which someone was told.
 */
export function newestWrite({ mode }: Setting, world: World): Version {
  return mode === "unpinned" ? floorOf(world) : (world.past.minted.at(-1)?.version ?? 0);
}

/** What is wrong with this answer, if anything; else the oldest version that explains it. */
export function judge(
  world: World,
  { text, floor, began }: ReadAnswer,
): { readonly wrong: Wrong } | { readonly version: Version } {
  const { past, now } = world;
  const wrong = (what: string, guarantee = brokenBy(world, text, floor)) => ({
    wrong: { guarantee, what },
  });
  // Another program's values have no version, so nothing can be said of the order in which they are seen.
  if (past.foreign > 0) return { version: 0 };
  if (text === null) {
    const end = past.minted.find((entry) => entry.version >= floor && isDead(entry, now));
    if (floor === 0 || end !== undefined) return { version: end?.version ?? 0 };
    return wrong(`a read finds nothing although version ${floor} was told or shown before`);
  }
  const shown = past.minted.filter((entry) => entry.text === text).at(-1);
  const version = shown?.version ?? 0;
  if (version < floor) {
    return wrong(`a read shows version ${version} although ${floor} was told or shown before`);
  }
  // Unpinned, the meta with the deadline may be evicted while the write is under way; a read that begins later finds it settled.
  if (shown?.expires === true && began >= 1 && version <= floor)
    return wrong("a read shows an expired value", "G4");
  return { version };
}

interface Wrong {
  readonly guarantee: Guarantee;
  readonly what: string;
}

/** Where Redis has lost state, only what the store has binds reads; and whatever is shown after its end has come back. */
function brokenBy({ past }: World, text: string | null, floor: Version): Guarantee {
  const end = past.minted.find(({ version }) => version === floor);
  if (text !== null && end?.text === null) return "G6";
  return past.doubtful > 0 ? "G2" : "G4";
}

/** A read has ended with this answer. */
export function answer(draft: World, setting: Setting, given: ReadAnswer): void {
  const judged = judge(draft, given);
  if ("wrong" in judged) {
    complain(draft, judged.wrong.guarantee, judged.wrong.what);
    return;
  }
  if (setting.readsBind === "always" && draft.past.doubtful === 0) {
    draft.past.shown = Math.max(draft.past.shown, judged.version);
  }
}

/**
 * Redis has gone back, or another server has taken its place. What only its journal had may be lost, which is the one
 * loss that is allowed, and what was shown binds no more.
 */
export function rollBack(draft: World): void {
  const { past } = draft;
  past.doubtful = draft.store.epoch;
  if (!isHeld(draft, past.journal)) past.journal = 0;
  past.shown = 0;
  const floor = floorOf(draft);
  // A read that has begun may have promised itself more than is left.
  draft.locals = draft.locals.map((local) =>
    "floor" in local ? { ...local, floor: Math.min(local.floor as Version, floor) } : local,
  );
}

/** Whether this version or a newer one is in the shadow, the outbox or the journal. */
export function isHeld(world: World, version: Version): boolean {
  return isDurable(world, version) || isInJournal(world, version);
}

/** Whether the store has this version or a newer one, or has rightly forgotten it. */
export function isDurable({ store, past }: World, version: Version): boolean {
  if (version === 0 || (store.row?.version ?? 0) >= version) return true;
  if (store.events.some((event) => event.entry.version >= version)) return true;
  return past.forgotten >= version;
}

function isInJournal(world: World, version: Version): boolean {
  const { marker, meta, value } = primaryOf(world);
  if (marker === null || meta === null || meta.version < version) return false;
  return meta.text === null || value?.text === meta.text;
}
