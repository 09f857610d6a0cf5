import { complain, floorOf, judge, tell } from "../past.ts";
import {
  answers,
  dropOlder,
  isAsSeen,
  observe,
  type Seen,
  takeLease,
  type Wish,
  write,
} from "../servers/redis.ts";
import { newestEvent } from "../servers/store.ts";
import {
  type Entry,
  epochOf,
  isDead,
  newestOf,
  type Redis,
  serverOf,
  type World,
} from "../world.ts";
import type { Turn } from "./role.ts";

/**
 * The beginning of a call that writes, up to the version: start → minted, in one script.
 *
 * A condition on a key of which the cache does not know enough is judged by the store:
 * start → cold → leased → [events] → looked → minted, where the script asks that nothing has changed since `cold`.
 */
export type Opening =
  | { readonly at: "start" }
  | { readonly at: "cold" | "leased"; readonly seen: Seen }
  | { readonly at: "events"; readonly seen: Seen; readonly event: Entry | null }
  | { readonly at: "looked"; readonly seen: Seen; readonly newest: Entry | null };

export function isOpening(me: { readonly at: string }): me is Opening {
  return ["start", "cold", "leased", "events", "looked"].includes(me.at);
}

export interface CallOptions extends Wish {
  readonly name: string;
  readonly process: number;
  /** Only if there is no live value. */
  readonly ifAbsent?: boolean;
  /** The idempotency key: whoever calls again with it wants the first answer. */
  readonly key?: string;
}

/** Where the call goes on: with its own new version, with an earlier one of the same key, or not at all. */
export type Opened =
  | { readonly how: "minted" | "again"; readonly entry: Entry }
  | { readonly how: "ended" };

type Continue<L> = (draft: World, next: Opening | Opened) => L;

export function offerOpening<L extends { readonly at: string }>(
  turn: Turn<L>,
  call: CallOptions,
  me: Opening,
  then: Continue<L>,
): void {
  const { setting, world } = turn;
  const { process, name } = call;
  switch (me.at) {
    case "start":
      if (!answers(setting, serverOf(world, process))) return;
      return turn.step(isConditional(call) ? "judge, mint" : "mint", (draft) => {
        const redis = serverOf(draft, process);
        const seen = observe(draft, redis);
        if (!isConditional(call)) return then(draft, mintFor(turn, draft, redis, call, seen.meta));
        if (!knowsEnough(seen, call)) return then(draft, { at: "cold", seen });
        return then(draft, decide(turn, draft, redis, call, seen.meta));
      });
    case "cold":
      if (!answers(setting, serverOf(world, process))) return;
      return turn.step("take the lease", (draft) => {
        // With a meta to compare, a write in between shows; without one, only the lease can tell.
        const may = me.seen.meta !== null || takeLease(serverOf(draft, process), name);
        return then(draft, may ? { at: "leased", seen: me.seen } : { at: "start" });
      });
    case "leased":
      if (setting.mode === "unpinned") {
        return turn.step("look at the events", (draft) => {
          return then(draft, {
            at: "events",
            seen: me.seen,
            event: newestEvent(draft.store.events),
          });
        });
      }
      return turn.step("look at the row", (draft) => {
        return then(draft, { at: "looked", seen: me.seen, newest: draft.store.row });
      });
    case "events":
      return turn.step("look at the row", (draft) => {
        const newest = newestOf([me.event, draft.store.row]);
        return then(draft, { at: "looked", seen: me.seen, newest });
      });
    case "looked":
      if (!answers(setting, serverOf(world, process))) return;
      return turn.step("judge, mint as seen", (draft) => {
        const redis = serverOf(draft, process);
        const holds = me.seen.meta !== null || redis.lease === name;
        if (!holds || !isAsSeen(redis, me.seen)) return then(draft, { at: "start" });
        return then(draft, decide(turn, draft, redis, call, me.newest));
      });
  }
}

function isConditional({ ifAbsent, key }: CallOptions): boolean {
  return ifAbsent === true || key !== undefined;
}

/** Whether the cache can judge alone: it has a meta, and one that remembers the key's idempotency keys. */
function knowsEnough({ meta }: Seen, { key }: CallOptions): boolean {
  return meta !== null && (key === undefined || meta.keys !== undefined);
}

function decide<L extends { readonly at: string }>(
  turn: Turn<L>,
  draft: World,
  redis: Redis,
  call: CallOptions,
  newest: Entry | null,
): Opened {
  const earlier = call.key === undefined ? null : firstAnswer(draft, call.key, newest);
  if (earlier !== null) {
    if (newest !== null && turn.setting.rules.answer_drops) dropOlder(redis, newest);
    return again(turn, draft, redis, earlier);
  }
  if (call.ifAbsent === true) {
    if (newest !== null && !isDead(newest, draft.now)) return { how: "ended" };
    checkAbsent(turn, draft);
  }
  return mintFor(turn, draft, redis, call, newest);
}

/** The version that a call with this key was given before. */
function firstAnswer({ past }: World, key: string, newest: Entry | null): Entry | null {
  const found = newest?.keys?.find((known) => known.startsWith(`${key}=`));
  if (found === undefined) return null;
  return past.minted.find(({ version }) => found === `${key}=${version}`) ?? null;
}

/** Pinned, the journal or the shadow has it. Unpinned, one that was never settled has to be made durable first. */
function again<L extends { readonly at: string }>(
  { setting }: Turn<L>,
  draft: World,
  redis: Redis,
  entry: Entry,
): Opened {
  const isUnsettled = redis.meta?.version === entry.version && !redis.meta.clean;
  if (setting.mode === "unpinned" && isUnsettled) return { how: "again", entry };
  tell(draft, entry.version, redis.marker === null ? "shadow" : "journal");
  return { how: "ended" };
}

function mintFor<L extends { readonly at: string }>(
  { setting }: Turn<L>,
  draft: World,
  redis: Redis,
  { text, expires, key }: CallOptions,
  newest: Entry | null,
): Opened {
  const known = newest?.keys;
  const keys = known ?? (setting.rules.key_memory ? undefined : []);
  checkOnce(setting.mode === "unpinned", draft, key);
  const entry = write(setting, draft, redis, {
    text,
    expires,
    ...(keys && { keys }),
    ...(key && { key }),
  });
  return { how: "minted", entry };
}

function checkAbsent<L extends { readonly at: string }>({ setting }: Turn<L>, draft: World): void {
  const { past, now } = draft;
  const last = past.minted.at(-1);
  const isWrong =
    setting.mode === "unpinned"
      ? "wrong" in judge(draft, { text: null, floor: floorOf(draft), began: now })
      : last !== undefined && !isDead(last, now);
  if (isWrong) complain(draft, "G4", "a write that wanted an absent key was let through");
}

/** Unpinned, a call that failed may be decided again; pinned, none may, except one that was lost with its Redis. */
function checkOnce(isUnpinned: boolean, draft: World, key: string | undefined): void {
  const { past } = draft;
  if (key === undefined) return;
  const isTwice = past.minted.some(({ version, keys }) => {
    if (keys?.at(-1) !== `${key}=${version}`) return false;
    if (epochOf(version) <= past.doubtful) return version <= past.durable;
    return !isUnpinned || past.toldKeyed.includes(version);
  });
  if (isTwice) complain(draft, "G4", `the call with key ${key} was carried out twice`);
}
