import { acknowledge, answersInEpoch, settle } from "../servers/redis.ts";
import { isTooOld, markProcessed, newestEvent, upsert } from "../servers/store.ts";
import { committed } from "../servers/store-first.ts";
import { type Entry, serverOf, type Version } from "../world.ts";
import type { Role } from "./role.ts";

/**
 * Applies what waits in the outbox, again and again: idle → holding → landed → told → idle. It takes every event there
 * is, whoever holds a lease on it, since a lease may have run out; so nothing here rests on leases.
 */
export type Projector =
  | { readonly at: "idle" }
  | {
      readonly at: "holding";
      readonly entry: Entry;
      readonly ids: readonly string[];
      readonly born: number;
    }
  | {
      readonly at: "landed";
      readonly row: Version;
      readonly epoch: number;
      readonly ids: readonly string[];
    }
  | { readonly at: "told"; readonly ids: readonly string[] };

const IDLE = { at: "idle" } as const;

export function projector(options: {
  readonly name: string;
  readonly process: number;
}): Role<Projector> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: IDLE,
    holdsStatement: ({ at }) => at === "holding",
    steps(turn) {
      const { setting, world, me } = turn;
      switch (me.at) {
        case "idle": {
          const { events } = world.store;
          const entry = newestEvent(events);
          if (entry === null) return;
          const ids = events.map((event) => event.id);
          turn.step("claim", ({ now }) => ({ at: "holding", entry, ids, born: now }));
          return;
        }
        case "holding":
          turn.step("upsert", (draft) => {
            if (isTooOld(setting, draft, me.born)) return IDLE;
            const row = upsert(setting, draft, me.entry);
            if (setting.mode === "store_first") {
              committed(draft, process);
              return { at: "told", ids: me.ids };
            }
            return { at: "landed", row, epoch: draft.store.epoch, ids: me.ids };
          });
          break;
        case "landed":
          if (!answersInEpoch(setting, serverOf(world, process), me.epoch)) break;
          turn.step("acknowledge", (draft) => {
            const redis = serverOf(draft, process);
            const settles = setting.mode === "unpinned" && setting.rules.projector_settles;
            const landed = { version: me.row, now: draft.now };
            if (settles) settle(redis, landed);
            else acknowledge(setting, redis, landed);
            return { at: "told", ids: me.ids };
          });
          break;
        case "told":
          turn.step("mark processed", (draft) => {
            markProcessed(setting, draft, me.ids);
            if (setting.mode === "store_first") committed(draft, process);
            return IDLE;
          });
          break;
      }
      turn.chance("crash", "crash", () => IDLE);
    },
  };
}
