import { answer, floorOf } from "../past.ts";
import { answers, fill, observe, stamp, takeLease } from "../servers/redis.ts";
import { newestEvent } from "../servers/store.ts";
import {
  type Entry,
  isDead,
  newestOf,
  type Redis,
  serverOf,
  type Version,
  type World,
} from "../world.ts";
import type { Role, Turn } from "./role.ts";

/**
 * One read, cache first:
 *
 *   start → done                                   a hit, or an end that the cache knows of
 *   start → missed → leased → [events] → looked → done    a miss; events where an event may be all there is
 *   start → foreign → leased → looked → done       a value without meta
 *
 * `token` null: another read holds the lease, and this one answers without filling.
 */
export type Reader =
  | { readonly at: "start"; readonly left: number }
  | (Begun & { readonly at: "missed" })
  | (Begun & { readonly at: "leased"; readonly token: string | null })
  | (Begun & { readonly at: "events"; readonly token: string | null; readonly event: Entry | null })
  | (Begun & {
      readonly at: "looked";
      readonly token: string | null;
      readonly found: Entry | null;
    });

interface Begun {
  readonly left: number;
  readonly floor: Version;
  readonly began: number;
  readonly run: number;
  /** The value that stands in the cache without meta, if that is what is being asked about. */
  readonly bare: string | null;
}

export interface ReaderOptions {
  readonly name: string;
  readonly process: number;
  /** How many reads, one after the other. */
  readonly reads: number;
}

export function reader({ name, process, reads }: ReaderOptions): Role<Reader> {
  return {
    name,
    process,
    initial: { at: "start", left: reads },
    isOpenCall: ({ at }) => at !== "start",
    steps(turn) {
      const { me } = turn;
      switch (me.at) {
        case "start":
          return begin(turn, process, me.left);
        case "missed":
          return lease(turn, process, name, me);
        case "leased":
          return look(turn, me);
        case "events":
          return turn.step("look at the row", ({ store }) => {
            const { left, floor, began, run, bare, token, event } = me;
            const found = newestOf([event, store.row]);
            return { at: "looked", left, floor, began, run, bare, token, found };
          });
        case "looked":
          return finish(turn, process, me);
      }
    },
  };
}

type ReaderTurn = Turn<Reader>;

/** One script, which answers at once unless the cache does not know. */
function begin(turn: ReaderTurn, process: number, left: number): void {
  const { setting, world } = turn;
  if (left === 0 || !answers(setting, serverOf(world, process))) return;
  turn.step("observe", (draft) => {
    const redis = serverOf(draft, process);
    const { value, meta, marker, now } = observe(draft, redis);
    const begun = { left: left - 1, floor: floorOf(draft), began: now, run: redis.run };
    if (meta !== null && isDead(meta, now)) return end(turn, draft, process, begun, null);
    if (value !== null && (meta !== null || marker !== null)) {
      return end(turn, draft, process, begun, value.text);
    }
    // A marker without its value: someone removed it, for nothing marked is ever evicted.
    if (meta !== null && marker !== null) return end(turn, draft, process, begun, null);
    return { at: "missed", ...begun, bare: value?.text ?? null };
  });
}

function lease(turn: ReaderTurn, process: number, token: string, me: Begun): void {
  const { setting, world } = turn;
  const { left, floor, began, run, bare } = me;
  const redis = serverOf(world, process);
  if (redis.run !== run) {
    return turn.step("start over", () => ({ at: "start", left: left + 1 }));
  }
  if (!answers(setting, redis)) return;
  turn.step("take the lease", (draft) => {
    const taken = takeLease(serverOf(draft, process), token);
    return { at: "leased", left, floor, began, run, bare, token: taken ? token : null };
  });
}

function look(turn: ReaderTurn, me: Begun & { readonly token: string | null }): void {
  const { mode, rules } = turn.setting;
  const { left, floor, began, run, bare, token } = me;
  const begun = { left, floor, began, run, bare };
  if (mode === "unpinned" && rules.events_first && bare === null) {
    turn.step("look at the events", ({ store }) => {
      return { at: "events", ...begun, token, event: newestEvent(store.events) };
    });
  } else {
    turn.step("look at the row", ({ store }) => {
      return { at: "looked", ...begun, token, found: store.row };
    });
  }
}

function finish(
  turn: ReaderTurn,
  process: number,
  me: Begun & { readonly token: string | null; readonly found: Entry | null },
): void {
  const { setting } = turn;
  const { token, found, bare } = me;
  turn.step("fill, answer", (draft) => {
    const redis = serverOf(draft, process);
    const live = found !== null && !isDead(found, me.began) ? found : null;
    if (live !== null && token !== null && mayFill(turn, redis, me.run)) {
      if (bare === null) fill(setting, { redis, entry: live, token, now: draft.now });
      else if (bare === live.text) stamp(setting, { redis, entry: live, token });
    }
    return end(turn, draft, process, me, bare ?? live?.text ?? null);
  });
}

function mayFill({ setting }: ReaderTurn, redis: Redis, run: number): boolean {
  return answers(setting, redis) && (redis.run === run || !setting.rules.run_bound_fill);
}

/** A server that was left behind promises nothing; its answers are not judged. */
function end(
  { setting }: ReaderTurn,
  draft: World,
  process: number,
  { left, floor, began }: Pick<Begun, "left" | "floor" | "began">,
  text: string | null,
): Reader {
  if (draft.links[process] === draft.primary) {
    answer(draft, setting, { text, floor, began });
  }
  return { at: "start", left };
}
