import { tell } from "../past.ts";
import { answers, tellCache, withdraw } from "../servers/redis.ts";
import { append, upsert } from "../servers/store.ts";
import { type Entry, epochOf, serverOf, type Version } from "../world.ts";
import { owed } from "./network.ts";
import { isOpening, type Opening, offerOpening } from "./opening.ts";
import type { WriterOptions } from "./pinned-writer.ts";
import type { Role, Turn } from "./role.ts";

/**
 * One call that writes, where Redis may drop anything:
 *
 *   start → minted → landed → checked → done             direct; the caller hears "shadow"
 *           minted → second → landed → checked → done    the store did not answer, the outbox did; "outbox"
 *           minted → second → failed → done              neither did; the copy is withdrawn and the call fails
 *
 * A call by event begins at `second`.
 */
export type UnpinnedWriter =
  | Opening
  | { readonly at: "done" }
  | { readonly at: "minted" | "second" | "failed"; readonly entry: Entry }
  | (Landed & { readonly at: "landed" | "checked" });

interface Landed {
  readonly entry: Entry;
  /** What shadow or outbox has now. */
  readonly version: Version;
  readonly where: "shadow" | "outbox";
}

const DONE = { at: "done" } as const;

export function unpinnedWriter(options: WriterOptions): Role<UnpinnedWriter> {
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
      if (me.at === "start") return;
      // What a dead process has minted may stand in the cache for as long as nobody evicts or repairs it; what it has
      // appended, the projector settles.
      turn.chance("crash", "crash", (draft) => {
        draft.past.drift ||= "entry" in me && !("where" in me && me.where === "outbox");
        return DONE;
      });
    },
  };
}

type WriterTurn = Turn<UnpinnedWriter>;

function open(turn: WriterTurn, options: WriterOptions, me: Opening): void {
  offerOpening(turn, options, me, (_, next): UnpinnedWriter => {
    if ("at" in next) return next;
    return next.how === "ended" ? DONE : { at: "minted", entry: next.entry };
  });
}

function offerNext(
  turn: WriterTurn,
  { process, routes }: WriterOptions,
  me: Exclude<UnpinnedWriter, Opening | { readonly at: "done" }>,
): void {
  switch (me.at) {
    case "minted":
      if (routes.includes("direct")) sendDirect(turn, process, me.entry);
      if (routes.includes("event")) sendEvent(turn, process, me.entry);
      return;
    case "second":
      return sendEvent(turn, process, me.entry);
    case "failed":
      return giveUp(turn, process, me.entry);
    case "landed":
      return checkEpoch(turn, process, me);
    case "checked":
      return finish(turn, process, me);
  }
}

function sendDirect(turn: WriterTurn, process: number, entry: Entry): void {
  turn.step("upsert", (draft) => {
    const version = upsert(turn.setting, draft, entry);
    return afterLanding(turn, { entry, version, where: "shadow" });
  });
  turn.chance("upsert times out", "timeout", (draft) => {
    draft.flights.push({ what: "upsert", entry, by: process, born: draft.now });
    return { at: "second", entry };
  });
}

function sendEvent(turn: WriterTurn, process: number, entry: Entry): void {
  turn.step("append", (draft) => {
    append(draft, entry);
    return afterLanding(turn, { entry, version: entry.version, where: "outbox" });
  });
  turn.chance("append times out", "timeout", (draft) => {
    draft.flights.push({ what: "append", entry, by: process, born: draft.now });
    return { at: "failed", entry };
  });
}

function afterLanding({ setting }: WriterTurn, landed: Landed): UnpinnedWriter {
  return { at: setting.mayLoseState ? "landed" : "checked", ...landed };
}

function giveUp(turn: WriterTurn, process: number, entry: Entry): void {
  if (!answers(turn.setting, serverOf(turn.world, process))) return;
  turn.step("withdraw, fail", (draft) => {
    withdraw(serverOf(draft, process), entry.version);
    return DONE;
  });
}

function checkEpoch(turn: WriterTurn, process: number, { entry, version, where }: Landed): void {
  turn.step("check epoch", (draft) => {
    if (!turn.setting.rules.epoch_check || draft.store.epoch <= epochOf(entry.version)) {
      return { at: "checked", entry, version, where };
    }
    // The caller hears UNKNOWN_OUTCOME; what has landed still has to be settled in the Redis that counts.
    draft.flights.push(owed(draft, process, version));
    return DONE;
  });
}

function finish(turn: WriterTurn, process: number, { entry, version, where }: Landed): void {
  const { setting, world } = turn;
  if (!setting.rules.settle) {
    turn.step("answer", (draft) => {
      tell(draft, entry.version, where);
      return DONE;
    });
    return;
  }
  if (answers(setting, serverOf(world, process))) {
    turn.step("settle, answer", (draft) => {
      tellCache(setting, draft, serverOf(draft, process), version);
      tell(draft, entry.version, where);
      return DONE;
    });
  }
  turn.chance("settling goes unanswered", "unanswered", (draft) => {
    draft.flights.push(owed(draft, process, version));
    return DONE;
  });
}
