import { type CopyClass, isIssue } from "../../../src/verify/classify.ts";
import { classOf, type Picture } from "../real/verdict.ts";
import { answers, observe, type Seen } from "../servers/redis.ts";
import type { Setting } from "../setting.ts";
import { type Event, serverOf, type World } from "../world.ts";
import type { Turn } from "./role.ts";

/**
 * An inspection of the key, as the real looker makes it:
 *
 *   cache → events → row → no issue: done
 *                        → events again → cache again → the key is in motion: done
 *                                                     → pinned, still an issue: done
 *                                                     → unpinned: waiting → cache → ... once more, then done
 */
export type Looking = Confirming &
  (
    | { readonly look: "cache" }
    | { readonly look: "events"; readonly seen: Seen }
    | { readonly look: "row"; readonly seen: Seen; readonly events: readonly Event[] }
    | { readonly look: "events again"; readonly picture: Picture }
    | { readonly look: "cache again"; readonly picture: Picture; readonly hasNewEvent: boolean }
    | { readonly look: "waiting"; readonly calls: readonly number[] }
  );

interface Confirming {
  /** What the look before the wait has found. */
  readonly before: Inspection | null;
}

export interface Inspection {
  readonly picture: Picture;
  readonly copyClass: CopyClass;
}

export const FIRST_LOOK: Looking = { look: "cache", before: null };

/** Offers the next step. `then` says where the role stands afterwards, given what is left to look at or what was found. */
export function lookOn<L extends { readonly at: string }>(
  turn: Turn<L>,
  process: number,
  me: Looking,
  then: (draft: World, next: Looking | Inspection) => L,
): void {
  const { setting, world } = turn;
  const { before } = me;
  switch (me.look) {
    case "cache":
      if (!canObserve(turn, process)) return;
      return turn.step("look at the cache", (draft) => {
        return then(draft, { look: "events", seen: seenBy(setting, draft, process), before });
      });
    case "events":
      return turn.step("look at the events", (draft) => {
        return then(draft, { look: "row", seen: me.seen, events: draft.store.events, before });
      });
    case "row":
      return turn.step("look at the row", (draft) => {
        const seen = isCurrent(setting, draft, process) ? me.seen : nothingAt(me.seen.now);
        const picture = { seen, events: me.events, row: draft.store.row };
        const found = { picture, copyClass: classOf(picture) };
        if (!isIssue(found.copyClass)) return then(draft, found);
        if (!setting.rules.second_look) return then(draft, confirm(turn, before, found));
        return then(draft, { look: "events again", picture, before });
      });
    case "events again":
      return turn.step("look at the events again", (draft) => {
        const { picture } = me;
        const known = picture.events.map(({ id }) => id);
        const hasNewEvent = draft.store.events.some(({ id }) => !known.includes(id));
        return then(draft, { look: "cache again", picture, hasNewEvent, before });
      });
    case "cache again":
      if (!canObserve(turn, process)) return;
      return turn.step("look at the cache again", (draft) => {
        const { picture, hasNewEvent } = me;
        if (hasNewEvent || hasChanged(picture.seen, seenBy(setting, draft, process))) {
          return then(draft, { picture, copyClass: "pending" });
        }
        return then(draft, confirm(turn, before, { picture, copyClass: classOf(picture) }));
      });
    case "waiting":
      if (turn.openCalls().some((call) => me.calls.includes(call))) return;
      return turn.step("wait", () => then(world, { look: "cache", before }));
  }
}

/** Unpinned, a write in flight leaves no trace in the cache, so an issue must outlive every call that is open now. */
function confirm(
  { setting, openCalls }: Pick<Turn<never>, "setting" | "openCalls">,
  before: Inspection | null,
  found: Inspection,
): Looking | Inspection {
  if (setting.mode !== "unpinned" || !setting.rules.third_look) return found;
  if (before === null) return { look: "waiting", before: found, calls: openCalls() };
  const isSame =
    before.copyClass === found.copyClass && !hasChanged(before.picture.seen, found.picture.seen);
  return isSame ? found : { picture: found.picture, copyClass: "pending" };
}

/** What an inspection would show to which nothing came between. */
export function currentPicture(setting: Setting, world: World, process: number): Picture {
  const seen = isCurrent(setting, world, process)
    ? seenBy(setting, world, process)
    : nothingAt(world.now);
  return { seen, events: world.store.events, row: world.store.row };
}

/** As the real looker sees change: value, meta and marker; the passing of time is none. */
function hasChanged(before: Seen, after: Seen): boolean {
  return factsOf(before) !== factsOf(after);
}

function factsOf({ value, meta, marker }: Seen): string {
  return JSON.stringify([value?.text, meta?.version, meta?.text, marker]);
}

function canObserve(
  { setting, world }: Pick<Turn<never>, "setting" | "world">,
  process: number,
): boolean {
  return setting.mode === "store_first" || answers(setting, serverOf(world, process));
}

function nothingAt(now: number): Seen {
  return { value: null, meta: null, marker: null, now };
}

function seenBy({ mode }: Setting, world: World, process: number): Seen {
  if (mode !== "store_first") return observe(world, serverOf(world, process));
  const copy = world.copies[process] ?? null;
  if (copy === null) return nothingAt(world.now);
  const { text, expires } = copy.entry;
  const value = text === null ? null : { text, expires, clean: true };
  return { value, meta: { ...copy.entry, clean: true }, marker: null, now: world.now };
}

/** Store first: whether a copy may be judged at all, given the row that stands beside it. */
function isCurrent({ mode }: Setting, { copies, store }: World, process: number): boolean {
  if (mode !== "store_first") return true;
  const copy = copies[process] ?? null;
  return copy === null || copy.fresh || copy.entry.version === store.row?.version;
}
