import type { Entry, Redis, World } from "../world.ts";
import { blankWorld } from "./blank-world.ts";

/** Worlds that a scenario may begin with, so that it need not first spend steps on getting there. */
export type Start = "blank" | "cold" | "warm" | "emptied" | "purgeable" | "left over";

const WRITTEN: Entry = { version: 1001, text: "z", expires: false };

const DELETED: Entry = { version: 1002, text: null, expires: false, purgeAt: 1 };

export function startWorld(start: Start): World {
  const blank = blankWorld();
  const [redis] = blank.servers as [Redis];
  switch (start) {
    case "blank":
      return blank;
    case "cold":
      return { ...told(blank, [WRITTEN]), servers: [{ ...redis, state: stateAt(1) }] };
    case "warm":
      return { ...told(blank, [WRITTEN]), servers: [warm(redis)], saved: warm(redis) };
    case "emptied":
      return { ...told(blank, [WRITTEN]), servers: [{ ...redis, run: 2, state: null }] };
    case "purgeable": {
      // Redis is on its disk as it was before the delete, which is a grace time old.
      const servers = [{ ...redis, state: stateAt(2) }];
      return { ...told(blank, [WRITTEN, DELETED]), now: 1, servers, saved: waiting(redis) };
    }
    case "left over": {
      // A delete of the last epoch landed after recovery had looked: its caller heard UNKNOWN_OUTCOME, and Redis nothing.
      const world = told(blank, [WRITTEN, DELETED]);
      const state = { run: 1, epoch: 2, seq: 1 };
      return {
        ...world,
        now: 1,
        servers: [{ ...waiting(redis), state }],
        store: { ...world.store, epoch: 2 },
        flights: [{ what: "owed", version: DELETED.version, by: 1, epoch: 2 }],
        past: { ...world.past, durable: 0, doubtful: 1 },
      };
    }
  }
}

/** Written one after the other, each told to be in the shadow, the last one there. */
function told(world: World, entries: readonly Entry[]): World {
  const row = entries.at(-1) ?? null;
  const version = row?.version ?? 0;
  const past = { ...world.past, minted: entries, durable: version, shadowMax: version };
  return { ...world, store: { ...world.store, row, lastSeq: entries.length }, past };
}

function warm(redis: Redis): Redis {
  const value = { text: "z", expires: false, clean: true };
  return { ...redis, state: stateAt(1), value, meta: { ...WRITTEN, clean: true } };
}

/** The first write, as the journal holds it. */
function waiting(redis: Redis): Redis {
  const value = { text: "z", expires: false, clean: false };
  return { ...redis, state: stateAt(1), value, meta: { ...WRITTEN, clean: false }, marker: 1 };
}

function stateAt(seq: number): Redis["state"] {
  return { run: 1, epoch: 1, seq };
}
