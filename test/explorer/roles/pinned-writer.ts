import { tell } from "../past.ts";
import { acknowledge, answers, mark, tellCache } from "../servers/redis.ts";
import { append, isTooOld, upsert } from "../servers/store.ts";
import { type Entry, epochOf, primaryOf, serverOf, type Version } from "../world.ts";
import { owed } from "./network.ts";
import { type CallOptions, isOpening, type Opening, offerOpening } from "./opening.ts";
import type { Role, Turn } from "./role.ts";

export type Route = "direct" | "event";

/**
 * One call that writes, where Redis holds an unsynced write (opening.ts has what may stand before `minted`):
 *
 *   start → minted → landed → checked → done      direct; the caller hears "shadow"
 *           minted → appended → done              event; "outbox"
 *           minted → done                         the store did not answer; "journal"
 *
 * `unmarked` stands between start and minted where the marker is a script of its own.
 */
export type PinnedWriter =
  | Opening
  | { readonly at: "done" }
  | { readonly at: "unmarked" | "minted"; readonly entry: Entry; readonly born: number }
  | { readonly at: "appended"; readonly entry: Entry }
  | { readonly at: "landed" | "checked"; readonly entry: Entry; readonly row: Version };

const DONE = { at: "done" } as const;

export interface WriterOptions extends CallOptions {
  readonly routes: readonly Route[];
}

export function pinnedWriter(options: WriterOptions): Role<PinnedWriter> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: { at: "start" },
    isOpenCall: ({ at }) => at !== "start" && at !== "done",
    steps(turn) {
      const { me } = turn;
      if (me.at === "done") return;
      if (isOpening(me)) open(turn, options, me);
      else offerNext(turn, options, me);
      if (me.at !== "start") turn.chance("crash", "crash", () => DONE);
    },
  };
}

type WriterTurn = Turn<PinnedWriter>;

function offerNext(
  turn: WriterTurn,
  options: WriterOptions,
  me: Exclude<PinnedWriter, Opening | { readonly at: "done" }>,
): void {
  const { process } = options;
  switch (me.at) {
    case "unmarked":
      return turn.step("mark", (draft) => {
        mark(serverOf(draft, process), me.entry);
        return { at: "minted", entry: me.entry, born: me.born };
      });
    case "minted":
      return send(turn, options, me);
    case "appended":
      return finishEvent(turn, me.entry);
    case "landed":
      return checkEpoch(turn, process, me);
    case "checked":
      return finishDirect(turn, process, me);
  }
}

function open(turn: WriterTurn, options: WriterOptions, me: Opening): void {
  const { atomic_marker } = turn.setting.rules;
  offerOpening(turn, options, me, ({ now }, next): PinnedWriter => {
    if ("at" in next) return next;
    if (next.how === "ended") return DONE;
    return { at: atomic_marker ? "minted" : "unmarked", entry: next.entry, born: now };
  });
}

interface Minted {
  readonly entry: Entry;
  readonly born: number;
}

function send(turn: WriterTurn, { process, routes }: WriterOptions, me: Minted): void {
  const { setting, world } = turn;
  const { entry, born } = me;
  if (isTooOld(setting, world, born)) {
    // Nothing may be sent any more; the marker is the event.
    return turn.step("answer", (draft) => {
      tell(draft, entry.version, "journal");
      return DONE;
    });
  }
  if (routes.includes("direct")) sendDirect(turn, process, me);
  if (routes.includes("event")) sendEvent(turn, process, me);
}

function sendDirect(turn: WriterTurn, process: number, { entry, born }: Minted): void {
  turn.step("upsert", (draft) => {
    const row = upsert(turn.setting, draft, entry);
    return { at: turn.setting.mayLoseState ? "landed" : "checked", entry, row };
  });
  turn.chance("upsert times out", "timeout", (draft) => {
    draft.flights.push({ what: "upsert", entry, by: process, born });
    tell(draft, entry.version, "journal");
    return DONE;
  });
}

function sendEvent(turn: WriterTurn, process: number, { entry, born }: Minted): void {
  const appended = { at: "appended", entry } as const;
  turn.step("append", (draft) => {
    append(draft, entry);
    return appended;
  });
  turn.chance("append twice", "duplicate", (draft) => {
    append(draft, entry);
    append(draft, entry);
    return appended;
  });
  turn.chance("append times out", "timeout", (draft) => {
    draft.flights.push({ what: "append", entry, by: process, born });
    tell(draft, entry.version, "journal");
    return DONE;
  });
}

/** The epoch check and the answer are one step: nothing is said to anyone between them. */
function finishEvent(turn: WriterTurn, entry: Entry): void {
  const { rules } = turn.setting;
  turn.step("check epoch, answer", (draft) => {
    if (rules.epoch_check && draft.store.epoch > epochOf(entry.version)) return DONE;
    tell(draft, entry.version, "outbox");
    if (!rules.only_shadow_clears_marker) {
      tellCache(turn.setting, draft, primaryOf(draft), entry.version);
    }
    return DONE;
  });
}

function checkEpoch(
  turn: WriterTurn,
  process: number,
  { entry, row }: { readonly entry: Entry; readonly row: Version },
): void {
  turn.step("check epoch", (draft) => {
    if (!turn.setting.rules.epoch_check || draft.store.epoch <= epochOf(entry.version)) {
      return { at: "checked", entry, row };
    }
    // The caller hears UNKNOWN_OUTCOME; what has landed still has to be told to the Redis that counts.
    draft.flights.push(owed(draft, process, row));
    return DONE;
  });
}

function finishDirect(
  turn: WriterTurn,
  process: number,
  { entry, row }: { readonly entry: Entry; readonly row: Version },
): void {
  const { setting, world } = turn;
  if (!answers(setting, serverOf(world, process))) {
    // The write is durable, and recovery will see it in the shadow.
    turn.step("answer", (draft) => {
      tell(draft, entry.version, "shadow");
      return DONE;
    });
    return;
  }
  turn.step("acknowledge, answer", (draft) => {
    const outcome = acknowledge(setting, serverOf(draft, process), {
      version: row,
      now: draft.now,
    });
    if (outcome !== "dropped") tell(draft, entry.version, "shadow");
    return DONE;
  });
  turn.chance("acknowledgement goes unanswered", "unanswered", (draft) => {
    tell(draft, entry.version, "shadow");
    draft.flights.push(owed(draft, process, row));
    return DONE;
  });
}
