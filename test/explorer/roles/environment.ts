import { rollBack } from "../past.ts";
import { expire } from "../servers/redis.ts";
import { forgetProcessed } from "../servers/store.ts";
import type { Setting } from "../setting.ts";
import { primaryOf, type Redis, type World } from "../world.ts";
import type { Role, Turn } from "./role.ts";

/** What happens to Redis and to time without anyone's wish. How often, the model's budget says. */
export type Environment = { readonly at: "environment" };

const HERE = { at: "environment" } as const;

export function environment(): Role<Environment> {
  return {
    name: "environment",
    process: 0,
    initial: HERE,
    steps(turn) {
      for (const part of EVICTABLE) offerEviction(turn, part);
      if (turn.world.now < 2) {
        turn.chance("tick", "tick", (draft) => {
          draft.now += 1;
          for (const redis of draft.servers) expire(redis);
          forgetProcessed(draft);
          return HERE;
        });
      }
      if (primaryOf(turn.world).lease !== null) {
        turn.step("lease runs out", (draft) => {
          primaryOf(draft).lease = null;
          return HERE;
        });
      }
      offerLoss(turn);
    },
  };
}

/**
 * Redis loses what it had not saved: it starts again from its disk, is emptied, or hands over to a replica and is left
 * behind, where whoever has not noticed still finds it.
 */
function offerLoss(turn: Turn<Environment>): void {
  const { world } = turn;
  turn.chance("save", "save", (draft) => {
    draft.saved = { ...primaryOf(draft) };
    return HERE;
  });
  turn.chance("roll back", "rollback", (draft) => {
    draft.servers[draft.primary] = { ...savedOf(draft), run: nextRun(draft) };
    rollBack(draft);
    return HERE;
  });
  turn.chance("flush", "flush", (draft) => {
    draft.servers[draft.primary] = { ...EMPTY, run: primaryOf(draft).run };
    rollBack(draft);
    return HERE;
  });
  turn.chance("fail over", "failover", (draft) => {
    draft.servers.push({ ...savedOf(draft), run: nextRun(draft) });
    draft.primary = draft.servers.length - 1;
    rollBack(draft);
    return HERE;
  });
  world.links.forEach((server, process) => {
    if (server === world.primary) return;
    turn.step(`p${process} finds the primary`, (draft) => {
      draft.links[process] = draft.primary;
      if (draft.links.every((link) => link === draft.primary)) forgetLeftBehind(draft);
      return HERE;
    });
  });
}

const EMPTY = { state: null, value: null, meta: null, marker: null, lease: null };

function savedOf({ saved, now }: World): Redis {
  if (saved === null) return { ...EMPTY, run: 0 };
  const redis = { ...saved };
  if (now >= 1) expire(redis);
  return redis;
}

function nextRun({ servers }: World): number {
  return Math.max(...servers.map(({ run }) => run)) + 1;
}

/** Nobody talks to it any more, so it is as good as gone. */
function forgetLeftBehind(draft: World): void {
  draft.servers = [primaryOf(draft)];
  draft.primary = 0;
  draft.links = draft.links.map(() => 0);
}

const EVICTABLE = ["value", "meta", "state"] as const;

function offerEviction(turn: Turn<Environment>, part: (typeof EVICTABLE)[number]): void {
  if (!mayEvict(turn.setting, primaryOf(turn.world), part)) return;
  turn.chance(`evict ${part}`, part === "state" ? "evict_state" : "evict", (draft) => {
    primaryOf(draft)[part] = null;
    return HERE;
  });
}

/** Pinned, only what carries a TTL may go: a copy that was acknowledged. */
function mayEvict({ mode }: Setting, redis: Redis, part: (typeof EVICTABLE)[number]): boolean {
  if (redis[part] === null) return false;
  switch (part) {
    case "value":
      return mode === "unpinned" || redis.value?.clean === true;
    case "meta":
      return mode === "unpinned" || redis.meta?.clean === true;
    case "state":
      return mode === "unpinned";
  }
}
