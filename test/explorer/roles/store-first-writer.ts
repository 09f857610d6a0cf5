import { tell } from "../past.ts";
import type { Wish } from "../servers/redis.ts";
import { commitWrite, keepCopy } from "../servers/store-first.ts";
import type { Entry } from "../world.ts";
import type { Route, WriterOptions } from "./pinned-writer.ts";
import type { Role, Turn } from "./role.ts";

/**
 * One call that writes, store first: start → done, since commit, copy and answer are one turn. `committed` stands
 * between where the copy follows in a later turn.
 */
export type StoreFirstWriter =
  | { readonly at: "start" | "done" }
  | { readonly at: "committed"; readonly entry: Entry; readonly route: Route };

const DONE = { at: "done" } as const;

export function storeFirstWriter(options: WriterOptions): Role<StoreFirstWriter> {
  const { name, process, routes, ...wish } = options;
  return {
    name,
    process,
    initial: { at: "start" },
    isOpenCall: ({ at }) => at === "committed",
    steps(turn) {
      const { me } = turn;
      if (me.at === "start") for (const route of routes) commit(turn, process, route, wish);
      if (me.at !== "committed") return;
      turn.step("replace the copy, answer", (draft) => {
        keepCopy(draft, process, me.entry);
        tell(draft, me.entry.version, placeOf(me.route));
        return DONE;
      });
    },
  };
}

function commit(turn: Turn<StoreFirstWriter>, process: number, route: Route, wish: Wish): void {
  const { setting } = turn;
  const to = placeOf(route);
  turn.step(`commit to the ${to}`, (draft) => {
    const entry = commitWrite(setting, draft, { process, wish, to });
    if (!setting.rules.commit_turn) return { at: "committed", entry, route };
    keepCopy(draft, process, entry);
    tell(draft, entry.version, to);
    return DONE;
  });
  turn.chance(`commit to the ${to}, die`, "crash", (draft) => {
    commitWrite(setting, draft, { process, wish, to });
    draft.copies[process] = null;
    return DONE;
  });
}

function placeOf(route: Route): "shadow" | "outbox" {
  return route === "direct" ? "shadow" : "outbox";
}
