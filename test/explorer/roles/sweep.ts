import { unsyncedEntry } from "../real/unsynced-entry.ts";
import { answers, answersInEpoch, observe, tellCache } from "../servers/redis.ts";
import { isTooOld, upsert } from "../servers/store.ts";
import { type Entry, serverOf, type Version } from "../world.ts";
import type { Role } from "./role.ts";

/** Brings what the journal holds to the shadow, again and again: idle → holding → landed → idle. */
export type Sweep =
  | { readonly at: "idle" }
  | { readonly at: "holding"; readonly entry: Entry; readonly born: number }
  | { readonly at: "landed"; readonly row: Version; readonly epoch: number };

const IDLE = { at: "idle" } as const;

export function sweep(options: { readonly name: string; readonly process: number }): Role<Sweep> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: IDLE,
    holdsStatement: ({ at }) => at === "holding",
    steps(turn) {
      const { setting, world, me } = turn;
      const redis = serverOf(world, process);
      switch (me.at) {
        case "idle": {
          if (redis.marker === null || !answers(setting, redis)) return;
          const entry = unsyncedEntry(observe(world, redis));
          if (entry !== undefined) {
            turn.step("observe", ({ now }) => ({ at: "holding", entry, born: now }));
          }
          return;
        }
        case "holding":
          turn.step("upsert", (draft) => {
            if (isTooOld(setting, draft, me.born)) return IDLE;
            const row = upsert(setting, draft, me.entry);
            return { at: "landed", row, epoch: draft.store.epoch };
          });
          break;
        case "landed":
          if (!answersInEpoch(setting, redis, me.epoch)) break;
          turn.step("acknowledge", (draft) => {
            tellCache(setting, draft, serverOf(draft, process), me.row);
            return IDLE;
          });
          break;
      }
      turn.chance("crash", "crash", () => IDLE);
    },
  };
}
