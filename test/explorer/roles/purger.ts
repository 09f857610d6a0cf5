import { complain } from "../past.ts";
import { answers } from "../servers/redis.ts";
import { isPurgeable } from "../servers/store.ts";
import { committed } from "../servers/store-first.ts";
import { isDead, seqOf, serverOf, type Version, type World } from "../world.ts";
import type { Role, Turn } from "./role.ts";

/**
 * Removes a row that has been dead for the grace time: idle → chosen → unmarked → unawaited → recorded → idle. What is
 * waiting anywhere comes first, then the record, then the row.
 */
export type Purger =
  | { readonly at: "idle" }
  | { readonly at: "chosen"; readonly version: Version }
  | (Checked & { readonly at: "unmarked" | "unawaited" | "recorded" });

interface Checked {
  readonly version: Version;
  /** Who held what had been read before the look at the markers. */
  readonly statements: readonly number[];
}

const IDLE = { at: "idle" } as const;

export function purger(options: { readonly name: string; readonly process: number }): Role<Purger> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: IDLE,
    steps(turn) {
      const { me, world } = turn;
      if (me.at === "idle") {
        const { row } = world.store;
        if (row === null || !isPurgeable(row, world.now) || !mayGo(turn, process, row.version))
          return;
        turn.step("choose", () => ({ at: "chosen", version: row.version }));
      } else {
        offerNext(turn, process, me);
        turn.chance("crash", "crash", () => IDLE);
      }
    },
  };
}

type PurgeTurn = Turn<Purger>;

function offerNext(turn: PurgeTurn, process: number, me: Exclude<Purger, { at: "idle" }>): void {
  const { setting, world } = turn;
  const { version } = me;
  const statements = me.at === "chosen" ? turn.openStatements() : me.statements;
  switch (me.at) {
    case "chosen":
      if (setting.mode !== "store_first" && !answers(setting, serverOf(world, process))) return;
      return turn.step("look at the markers", (draft) => {
        return isUnmarked(turn, draft, process, version)
          ? { at: "unmarked", version, statements }
          : IDLE;
      });
    case "unmarked":
      return turn.step("look at the events", (draft) => {
        return isUnawaited(turn, draft, version) ? { at: "unawaited", version, statements } : IDLE;
      });
    case "unawaited":
      return turn.step("record the version", ({ store }) => {
        store.purged = Math.max(store.purged, version);
        return { at: "recorded", version, statements };
      });
    case "recorded":
      // It waits for as long as a statement lives: what was read before is then dead or has landed.
      if (setting.rules.purge_rests && isAnyOpen(turn, statements)) return;
      return turn.step("delete the row", (draft) => {
        const { store, past } = draft;
        const isSame = store.row?.version === version || !setting.rules.purge_by_version;
        if (store.row !== null && isSame) {
          if (!isDead(store.row, draft.now))
            complain(draft, "G6", "a purge has removed a live row");
          past.forgotten = Math.max(past.forgotten, version);
          store.row = null;
          committed(draft, process);
        }
        return IDLE;
      });
  }
}

function isAnyOpen(turn: PurgeTurn, statements: readonly number[]): boolean {
  const open = turn.openStatements();
  return statements.some((statement) => open.includes(statement));
}

/** Whether it is worth beginning; without this question a purge that must wait would begin for ever. */
function mayGo(turn: PurgeTurn, process: number, version: Version): boolean {
  const { setting, world } = turn;
  if (setting.mode !== "store_first" && !answers(setting, serverOf(world, process))) return false;
  return isUnmarked(turn, world, process, version) && isUnawaited(turn, world, version);
}

function isUnmarked(
  { setting }: PurgeTurn,
  world: World,
  process: number,
  version: Version,
): boolean {
  if (!setting.rules.purge_waits || setting.mode !== "pinned") return true;
  const { marker } = serverOf(world, process);
  return marker === null || marker > seqOf(version);
}

function isUnawaited({ setting }: PurgeTurn, { store }: World, version: Version): boolean {
  if (!setting.rules.purge_waits) return true;
  return [...store.events, ...store.processed].every(({ entry }) => entry.version > version);
}
