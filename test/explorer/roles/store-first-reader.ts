import { answer, floorOf } from "../past.ts";
import { hit, keepCopy, load } from "../servers/store-first.ts";
import { type Entry, isDead, type Version, type World } from "../world.ts";
import type { Role, Turn } from "./role.ts";

/**
 * One read, store first: start → start, since a hit is one turn and so is a load. `loaded` stands between where the
 * change stamp is read after the row.
 */
export type StoreFirstReader =
  | { readonly at: "start"; readonly left: number }
  | {
      readonly at: "loaded";
      readonly left: number;
      readonly entry: Entry | null;
      readonly floor: Version;
      readonly began: number;
    };

export function storeFirstReader(options: {
  readonly name: string;
  readonly process: number;
  readonly reads: number;
}): Role<StoreFirstReader> {
  const { name, process, reads } = options;
  return {
    name,
    process,
    initial: { at: "start", left: reads },
    steps(turn) {
      const { me, setting, world } = turn;
      if (me.at === "loaded") {
        turn.step("keep the copy, answer", (draft) => finish(turn, draft, process, me));
      } else if (me.left > 0) {
        // A hit changes nothing, and that it is right is asked in every world.
        if (hit(setting, world, process) !== undefined) return;
        turn.step("load", (draft) => {
          const entry = load(setting, draft);
          const floor = floorOf(draft);
          const read = { left: me.left - 1, entry, floor, began: draft.now };
          if (!setting.rules.stamp_with_row) return { at: "loaded", ...read };
          return finish(turn, draft, process, read);
        });
      }
    },
  };
}

function finish(
  { setting }: Turn<StoreFirstReader>,
  draft: World,
  process: number,
  { left, entry, floor, began }: Omit<Extract<StoreFirstReader, { at: "loaded" }>, "at">,
): StoreFirstReader {
  keepCopy(draft, process, entry);
  const text = entry === null || isDead(entry, began) ? null : entry.text;
  answer(draft, setting, { text, floor, began });
  return { at: "start", left };
}
