import { answers, dropCopy, dropOlder, install } from "../servers/redis.ts";
import { newestEvent, upsert } from "../servers/store.ts";
import type { Setting } from "../setting.ts";
import {
  type Entry,
  epochOf,
  type Redis,
  serverOf,
  type Version,
  versionNo,
  type World,
} from "../world.ts";
import type { Role, Turn } from "./role.ts";

/**
 * Recovery of a Redis that has lost its state, by any number of processes at once, each as:
 *
 *   idle → found → raised → [projecting] → projected → compared → [recorded] → ended → idle
 *          (a)      (b)                    (c)          (c)         (d)          (e)
 *
 * `again` stands where the install was lost or a higher epoch was found: from b once more, with that epoch.
 */
export type Recoverer =
  | { readonly at: "idle" }
  | (Found & { readonly at: "found" })
  | { readonly at: "again"; readonly epoch: number; readonly run: number }
  | (Raised & { readonly at: "raised" | "projected" })
  | (Raised & { readonly at: "projecting"; readonly event: Entry })
  | (Raised & { readonly at: "looked"; readonly row: Entry | null })
  | (Raised & { readonly at: "asked"; readonly purged: Version })
  | (Raised & { readonly at: "compared"; readonly row: Entry | null; readonly purged: Version })
  | (Raised & { readonly at: "dropped" })
  | { readonly at: "ended"; readonly epoch: number; readonly run: number; readonly lost: boolean };

interface Found {
  readonly state: Redis["state"];
  readonly run: number;
}

interface Raised extends Found {
  readonly epoch: number;
}

const IDLE = { at: "idle" } as const;

export function recoverer(options: {
  readonly name: string;
  readonly process: number;
}): Role<Recoverer> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: IDLE,
    holdsStatement: ({ at }) => at === "projecting",
    steps(turn) {
      const { me, world } = turn;
      if (me.at === "idle") return begin(turn, process);
      if (me.run !== serverOf(world, process).run) {
        return turn.step("start over", () => IDLE);
      }
      offerNext(turn, process);
      turn.chance("crash", "crash", () => IDLE);
    },
  };
}

type RecovererTurn = Turn<Recoverer>;

function begin(turn: RecovererTurn, process: number): void {
  const { setting, world } = turn;
  const redis = serverOf(world, process);
  // One that was left behind is no business of recovery: whoever talks to it has to find the primary.
  if (world.links[process] !== world.primary || !setting.rules.fence) return;
  const { state, run } = redis;
  if (!answers(setting, redis)) turn.step("find the state", () => ({ at: "found", state, run }));
  else if (isBehind(turn, state)) {
    const { epoch } = world.store;
    turn.step("meet a higher epoch", () => ({ at: "again", epoch, run }));
  }
}

/** A process that meets a higher epoch in the store recovers too. */
function isBehind({ setting, world }: RecovererTurn, state: Redis["state"]): boolean {
  if (!setting.rules.confirmed_epoch || state === null) return false;
  return world.store.epoch > state.epoch;
}

function offerNext(turn: RecovererTurn, process: number): void {
  const { me, setting } = turn;
  switch (me.at) {
    case "idle":
      return;
    case "found":
      return turn.step("a: raise the epoch", ({ store }) => {
        if (setting.rules.new_epoch) store.epoch += 1;
        return { ...me, at: "raised", epoch: store.epoch };
      });
    case "again":
      return turn.step("find the state again", (draft) => findAgain(draft, process, me));
    case "raised":
      return turn.step("b: look at the events", ({ store }) => {
        const event = setting.rules.recovery_events ? newestEvent(store.events) : null;
        return event === null ? { ...me, at: "projected" } : { ...me, at: "projecting", event };
      });
    case "projecting":
      return turn.step("b: project", (draft) => {
        upsert(setting, draft, me.event);
        const { state, run, epoch } = me;
        return { at: "projected", state, run, epoch };
      });
    case "projected":
      if (setting.mayPurge && !setting.rules.record_after_row) {
        return turn.step("c: look at the purge record", ({ store }) => {
          return { ...me, at: "asked", purged: store.purged };
        });
      }
      return turn.step("c: look at the row", ({ store }) => {
        const { row, purged } = store;
        if (setting.mayPurge) return { ...me, at: "looked", row };
        return { ...me, at: "compared", row, purged };
      });
    case "asked":
      return turn.step("c: look at the row", ({ store }) => {
        return { ...me, at: "compared", row: store.row };
      });
    case "looked":
      return turn.step("c: look at the purge record", ({ store }) => {
        return { ...me, at: "compared", purged: store.purged };
      });
    case "compared":
      return turn.step("c: drop what is older", (draft) => dropOld(turn, draft, process, me));
    case "dropped":
      return turn.step("d: install", (draft) => {
        const { state, run, epoch } = me;
        const lost = !install(setting, serverOf(draft, process), { epoch, found: state });
        return { at: "ended", epoch, run, lost };
      });
    case "ended":
      return turn.step("e: confirm", ({ store }) => {
        const { epoch, run, lost } = me;
        if (!setting.rules.confirmed_epoch || (!lost && store.epoch === epoch)) return IDLE;
        return { at: "again", epoch: store.epoch, run };
      });
  }
}

/** Somebody else may have installed this very epoch by now. */
function findAgain(
  draft: World,
  process: number,
  { epoch, run }: { readonly epoch: number; readonly run: number },
): Recoverer {
  const { state } = serverOf(draft, process);
  if (state !== null && state.run === run && state.epoch >= epoch) return IDLE;
  return { at: "raised", epoch, run, state };
}

/** It may have landed, and been told to Redis, after the state was saved that Redis has come back with. */
function mayBeUntold({ mode, rules }: Setting, row: Entry, state: Redis["state"]): boolean {
  if (state === null) return false;
  const isOfEarlierEpoch = epochOf(row.version) < state.epoch;
  if (isOfEarlierEpoch) return rules.recovery_looks_back;
  return mode === "unpinned" && rules.recovery_looks_below;
}

function dropOld(
  { setting }: RecovererTurn,
  draft: World,
  process: number,
  me: Raised & { readonly row: Entry | null; readonly purged: Version },
): Recoverer {
  const { state, run, epoch, row, purged } = me;
  const redis = serverOf(draft, process);
  const known = state === null ? 0 : versionNo(state.epoch, state.seq);
  const isUnknown = row !== null && (row.version > known || mayBeUntold(setting, row, state));
  if (isUnknown && setting.rules.recovery_drop) dropOlder(redis, row);
  if (row === null && purged > known && setting.rules.purge_record) {
    dropCopy(redis);
    redis.marker = null;
  }
  return { at: "dropped", state, run, epoch };
}
