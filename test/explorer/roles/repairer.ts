import type { RepairStrategy } from "../../../src/verify/plan-repair.ts";
import { unsyncedEntry } from "../real/unsynced-entry.ts";
import { classOf, planFor, showsIssue } from "../real/verdict.ts";
import { answers, takeLease, tellCache } from "../servers/redis.ts";
import { markProcessed, newestEvent, upsert } from "../servers/store.ts";
import { type Entry, newestOf, serverOf, type Version } from "../world.ts";
import { currentPicture, FIRST_LOOK, type Looking, lookOn } from "./looking.ts";
import { drop, type Plan, rewrite, storedIn, takeOver } from "./repair-steps.ts";
import type { Role, Turn } from "./role.ts";

/**
 * Mends the key, cache first: looks, asks the real planner, and takes the one step that it names, on the condition that
 * the key is still as it was seen.
 *
 *   idle → looking → planned → idle                                        a drop, or something has changed
 *                    planned → rewritten → landed → idle                   a new version on both sides
 *                    planned → leased → events → ready → rewritten or idle   a key without meta first takes the lease
 *                    planned → landed → told → idle                        what waits is brought to the shadow
 */
export type Repairer = Rounds &
  (
    | { readonly at: "idle" }
    | { readonly at: "looking"; readonly looking: Looking; readonly foreign: number }
    | { readonly at: "planned" | "leased" | "ready"; readonly plan: Plan }
    | { readonly at: "events"; readonly plan: Plan; readonly event: Entry | null }
    | { readonly at: "rewritten"; readonly entry: Entry }
    | { readonly at: "landed"; readonly row: Version; readonly ids: readonly string[] }
    | { readonly at: "told"; readonly ids: readonly string[] }
  );

interface Rounds {
  /** How many repairs may still be asked for. */
  readonly rounds: number;
}

export interface RepairerOptions {
  readonly name: string;
  readonly process: number;
  readonly strategy: RepairStrategy;
  /** How many repairs are asked for; with `auto` as many as it takes, whenever there is something to mend. */
  readonly rounds: number;
}

export function repairer(options: RepairerOptions): Role<Repairer> {
  const { name, process, rounds } = options;
  return {
    name,
    process,
    initial: { at: "idle", rounds },
    steps(turn) {
      const { me } = turn;
      switch (me.at) {
        case "idle":
          return begin(turn, options);
        case "looking":
          return look(turn, options, me);
        case "planned":
          return act(turn, options, me.plan);
        case "leased":
          return turn.step("look at the events", ({ store }) => {
            const { rounds: left, plan } = me;
            return { at: "events", rounds: left, plan, event: newestEvent(store.events) };
          });
        case "events":
          return compare(turn, me);
        case "ready":
          return actUnderLease(turn, options, me.plan);
        case "rewritten":
          return turn.step("upsert", (draft) => {
            const row = upsert(turn.setting, draft, me.entry);
            return { at: "landed", rounds: me.rounds, row, ids: [] };
          });
        case "landed":
        case "told":
          return finish(turn, process, me);
      }
    },
  };
}

type RepairTurn = Turn<Repairer>;

/** An operator who saw everything would ask for `auto` only where there is something to mend. */
function begin(turn: RepairTurn, { process, strategy }: RepairerOptions): void {
  const { setting, world, me } = turn;
  if (me.rounds === 0 || !answers(setting, serverOf(world, process))) return;
  const picture = currentPicture(setting, world, process);
  const isAuto = strategy === "auto";
  if (isAuto && !(showsIssue(picture) && planFor(picture, classOf(picture), strategy) !== "none")) {
    return;
  }
  const rounds = isAuto ? me.rounds : me.rounds - 1;
  lookFrom(turn, { process, strategy }, FIRST_LOOK, { rounds, foreign: world.past.foreign });
}

function look(
  turn: RepairTurn,
  options: RepairerOptions,
  me: Extract<Repairer, { readonly at: "looking" }>,
): void {
  lookFrom(turn, options, me.looking, me);
}

function lookFrom(
  turn: RepairTurn,
  { process, strategy }: Pick<RepairerOptions, "process" | "strategy">,
  looking: Looking,
  { rounds, foreign }: Rounds & { readonly foreign: number },
): void {
  lookOn(turn, process, looking, (_, next): Repairer => {
    if ("look" in next) return { at: "looking", rounds, foreign, looking: next };
    const { picture, copyClass } = next;
    const action = planFor(picture, copyClass, strategy);
    if (action === "none") return { at: "idle", rounds };
    return { at: "planned", rounds, plan: { picture, action, foreign } };
  });
}

function act(turn: RepairTurn, { process, name }: RepairerOptions, plan: Plan): void {
  const { setting, world, me } = turn;
  const { action, picture } = plan;
  const { rounds } = me;
  if (action === "sync_now" || action === "project") return bringOver(turn, plan);
  if (!answers(setting, serverOf(world, process))) return;
  if (action === "drop_copy" || action === "drop_marker") {
    return turn.step(action, (draft) => {
      drop(setting, draft, process, plan);
      return { at: "idle", rounds };
    });
  }
  if (picture.seen.meta !== null && action !== "stamp" && action !== "warm") {
    return turn.step(action, (draft) => rewritten(rewrite(setting, draft, process, plan), rounds));
  }
  turn.step("take the lease", (draft) => {
    const taken = takeLease(serverOf(draft, process), name);
    return taken ? { at: "leased", rounds, plan } : { at: "idle", rounds };
  });
}

function bringOver(turn: RepairTurn, { action, picture }: Plan): void {
  const { setting, me } = turn;
  const { rounds } = me;
  const { seen, events } = picture;
  const holdsWrite = action === "project" || seen.marker !== null;
  const cached = holdsWrite ? (unsyncedEntry(seen) ?? null) : null;
  const entry = newestOf([cached, newestEvent(events)]);
  turn.step(action, (draft) => {
    if (entry === null) return { at: "idle", rounds };
    const row = upsert(setting, draft, entry);
    return { at: "landed", rounds, row, ids: events.map(({ id }) => id) };
  });
}

/** The look is older than the lease: what the store holds must still be what was seen. */
function compare(turn: RepairTurn, me: Extract<Repairer, { readonly at: "events" }>): void {
  const { rounds, plan } = me;
  turn.step("look at the row", ({ store }) => {
    const now = newestOf([store.row, me.event]);
    const isSame = storedIn(plan.picture)?.version === now?.version;
    if (!isSame && turn.setting.rules.repair_condition) return { at: "idle", rounds };
    return { at: "ready", rounds, plan };
  });
}

function actUnderLease(turn: RepairTurn, { process, name }: RepairerOptions, plan: Plan): void {
  const { setting, world, me } = turn;
  const { rounds } = me;
  if (!answers(setting, serverOf(world, process))) return;
  turn.step(plan.action, (draft) => {
    if (plan.action === "stamp" || plan.action === "warm") {
      takeOver(setting, draft, process, { ...plan, token: name });
      return { at: "idle", rounds };
    }
    const isHeld = serverOf(draft, process).lease === name;
    if (!isHeld && setting.rules.repair_condition) return { at: "idle", rounds };
    return rewritten(rewrite(setting, draft, process, plan), rounds);
  });
}

function rewritten(entry: Entry | null, rounds: number): Repairer {
  return entry === null ? { at: "idle", rounds } : { at: "rewritten", rounds, entry };
}

function finish(
  turn: RepairTurn,
  process: number,
  me: Extract<Repairer, { readonly at: "landed" | "told" }>,
): void {
  const { setting, world } = turn;
  const { rounds, ids } = me;
  if (me.at === "told") {
    return turn.step("mark processed", (draft) => {
      markProcessed(setting, draft, ids);
      return { at: "idle", rounds };
    });
  }
  if (!answers(setting, serverOf(world, process))) return;
  turn.step("acknowledge", (draft) => {
    tellCache(setting, draft, serverOf(draft, process), me.row);
    return ids.length === 0 ? { at: "idle", rounds } : { at: "told", rounds, ids };
  });
}
