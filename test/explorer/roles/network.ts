import { answersInEpoch, tellCache } from "../servers/redis.ts";
import { append, isTooOld, upsert } from "../servers/store.ts";
import type { Setting } from "../setting.ts";
import { type Flight, serverOf, type Version, type World } from "../world.ts";
import type { Role, Turn } from "./role.ts";

/**
 * What is still under way after its caller has stopped waiting: a statement may land at any moment or never, and once it
 * has landed, the process that sent it owes the cache a word, unless it dies.
 */
export type Network = { readonly at: "network" };

const HERE = { at: "network" } as const;

export function network(): Role<Network> {
  return {
    name: "network",
    process: 0,
    initial: HERE,
    steps(turn) {
      turn.world.flights.forEach((flight, index) => {
        if (flight.what === "owed") payDebt(turn, flight, index);
        else land(turn, flight, index);
      });
    },
  };
}

/** A word that a process owes to the cache, about what has just landed. */
export function owed({ store }: World, by: number, version: Version): Flight {
  return { what: "owed", version, by, epoch: store.epoch };
}

function land(
  turn: Turn<Network>,
  flight: Extract<Flight, { what: "upsert" | "append" }>,
  index: number,
): void {
  const { setting, world } = turn;
  const { what, entry, by } = flight;
  if (isTooOld(setting, world, flight.born)) return;
  turn.chance(`late ${what} of ${entry.text ?? "delete"} lands`, null, (draft) => {
    const version = what === "upsert" ? upsert(setting, draft, entry) : appended(draft, flight);
    draft.flights = draft.flights.filter((_, i) => i !== index);
    if (owes(setting, what)) draft.flights.push(owed(draft, by, version));
    return HERE;
  });
}

function appended(draft: World, { entry }: Extract<Flight, { what: "upsert" | "append" }>): number {
  append(draft, entry);
  return entry.version;
}

/** Pinned, an event changes nothing in the cache until the projector has applied it. */
function owes({ mode, rules }: Setting, what: "upsert" | "append"): boolean {
  if (mode === "pinned") return what === "upsert";
  return mode === "unpinned" && rules.owed_settle;
}

function payDebt(
  turn: Turn<Network>,
  { version, by, epoch }: Extract<Flight, { what: "owed" }>,
  index: number,
): void {
  const { setting, world } = turn;
  const paid = (draft: World) => {
    draft.flights = draft.flights.filter((_, i) => i !== index);
    return HERE;
  };
  if (answersInEpoch(setting, serverOf(world, by), epoch)) {
    turn.step(`p${by} tells the cache of ${version}`, (draft) => {
      tellCache(setting, draft, serverOf(draft, by), version);
      return paid(draft);
    });
  }
  turn.chance(`p${by} dies owing ${version}`, "crash", (draft) => {
    draft.past.drift = true;
    return paid(draft);
  });
}
