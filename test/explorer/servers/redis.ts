/**
 * The Lua scripts of the Redis driver, one function for each, on the one key that is explored. Each runs at one instant,
 * as a script does. The caller has asked {@link answers} before.
 */
import { mint } from "../past.ts";
import type { Setting } from "../setting.ts";
import {
  type Entry,
  epochOf,
  primaryOf,
  type Redis,
  seqOf,
  type Version,
  versionNo,
  type World,
} from "../world.ts";

/** All that one look at the cache shows. */
export interface Seen {
  readonly value: Redis["value"];
  readonly meta: Redis["meta"];
  readonly marker: number | null;
  readonly now: number;
}

/** Whether scripts run at all: the state is there and was installed in this very run. */
export function answers({ rules }: Setting, redis: Redis): boolean {
  return !rules.fence || (redis.state !== null && redis.state.run === redis.run);
}

/** Whether scripts run in a Redis that has recovered at least as far as the store's epoch was then. */
export function answersInEpoch(setting: Setting, redis: Redis, epoch: number): boolean {
  if (!answers(setting, redis)) return false;
  return !setting.rules.current_epoch_told || (redis.state?.epoch ?? 0) >= epoch;
}

export function observe(world: World, redis: Redis): Seen {
  return { value: redis.value, meta: redis.meta, marker: redis.marker, now: world.now };
}

export interface Wish {
  readonly text: string | null;
  readonly expires: boolean;
  /** The idempotency keys that are remembered so far, and the one of this call. */
  readonly keys?: readonly string[];
  readonly key?: string;
}

/** write.lua, after its guard: mints, marks, writes without TTL, voids the lease. */
export function write(setting: Setting, draft: World, redis: Redis, wish: Wish): Entry {
  const state = redis.state ?? { run: redis.run, epoch: draft.store.epoch, seq: 0 };
  const seq = state.seq + 1;
  const entry = entryFor(setting, draft.now, versionNo(state.epoch, seq), wish);
  redis.state = { ...state, seq };
  if (setting.mode === "pinned" && setting.rules.atomic_marker) redis.marker ??= seq;
  const clean = !setting.rules.pinning;
  redis.value = entry.text === null ? null : { text: entry.text, expires: entry.expires, clean };
  redis.meta = { ...entry, clean };
  redis.lease = null;
  mint(draft, entry, redis === primaryOf(draft));
  return entry;
}

/** How many idempotency keys are remembered for each key. */
const KEYS_MAX = 4;

export function entryFor(setting: Setting, now: number, version: Version, wish: Wish): Entry {
  const { text, expires, key } = wish;
  const keys =
    key === undefined ? wish.keys : [...(wish.keys ?? []), `${key}=${version}`].slice(-KEYS_MAX);
  const entry = { version, text, expires, ...(keys && { keys }) };
  if (!setting.mayPurge || (text !== null && !expires)) return entry;
  return { ...entry, purgeAt: text === null ? now + 1 : 2 };
}

/** The marker alone: what write.lua would do last if it did not do it first. */
export function mark(redis: Redis, { version }: Entry): void {
  redis.marker ??= seqOf(version);
}

/** What the shadow (unpinned also the outbox) has now, and the clock of the server that is told. */
interface Landed {
  readonly version: Version;
  readonly now: number;
}

export type Acknowledged = "clean" | "newer" | "dropped" | "absent";

/** acknowledge.lua (pinned): the shadow has this version. */
export function acknowledge(
  { mode, rules }: Setting,
  redis: Redis,
  { version, now }: Landed,
): Acknowledged {
  const { meta } = redis;
  if (rules.acknowledgement_voids_lease && mode === "pinned") redis.lease = null;
  if (meta === null) {
    if (redis.marker !== null && redis.marker <= seqOf(version)) redis.marker = null;
    // Recovery would have dropped the value too, had this landed before it looked.
    const isLate = epochOf(version) < (redis.state?.epoch ?? 0);
    if (isLate && redis.marker === null && rules.late_landing_drops) redis.value = null;
    return "absent";
  }
  if (meta.version === version || (meta.version > version && !rules.versioned_acknowledgement)) {
    makeClean(redis, now);
    redis.marker = null;
    return "clean";
  }
  if (meta.version > version) {
    if (redis.marker !== null) redis.marker = Math.max(redis.marker, seqOf(version) + 1);
    return "newer";
  }
  dropCopy(redis);
  redis.marker = null;
  return "dropped";
}

/** settle.lua (unpinned): shadow or outbox has this version. */
export function settle(redis: Redis, { version, now }: Landed): void {
  redis.lease = null;
  const { meta } = redis;
  if (meta !== null && meta.version === version) makeClean(redis, now);
  else if (meta === null || meta.version < version) dropCopy(redis);
}

/** Tells the cache, in the way of its mode, that the shadow has this version. */
export function tellCache(setting: Setting, draft: World, redis: Redis, version: Version): void {
  const landed = { version, now: draft.now };
  if (setting.mode === "unpinned") settle(redis, landed);
  else acknowledge(setting, redis, landed);
}

/** settle.lua, 'withdraw' (unpinned): neither shadow nor outbox took this version in time. */
export function withdraw(redis: Redis, version: Version): void {
  redis.lease = null;
  if (redis.meta === null || redis.meta.version === version) dropCopy(redis);
}

/** lease.lua */
export function takeLease(redis: Redis, token: string): boolean {
  if (redis.lease !== null) return false;
  redis.lease = token;
  return true;
}

/** fill.lua. Says nothing of the outcome, because no caller asks. */
export function fill(
  { rules }: Setting,
  { redis, now, entry, token }: FillRequest & { readonly now: number },
): void {
  if (rules.fill_lease && redis.lease !== token) return;
  if (redis.lease === token) redis.lease = null;
  const { meta } = redis;
  if (redis.marker !== null || (entry.expires && now >= 1)) return;
  if (redis.value !== null || (meta !== null && meta.version > entry.version)) return;
  hold(redis, entry);
}

/** fill.lua, 'stamp': gives a value that has no meta the meta of the equal row. */
export function stamp({ rules }: Setting, { redis, entry, token }: FillRequest): void {
  if (rules.fill_lease && redis.lease !== token) return;
  if (redis.lease === token) redis.lease = null;
  if (redis.marker !== null || redis.meta !== null || redis.value?.text !== entry.text) return;
  hold(redis, entry);
}

interface FillRequest {
  readonly redis: Redis;
  readonly entry: Entry;
  readonly token: string;
}

/** Whether the key still looks as it did: the guard of write.lua and drop.lua. TTLs do not count. */
export function isAsSeen(redis: Redis, seen: Seen): boolean {
  return (
    redis.value?.text === seen.value?.text &&
    redis.meta?.version === seen.meta?.version &&
    redis.meta?.text === seen.meta?.text &&
    redis.marker === seen.marker
  );
}

export function dropCopy(redis: Redis): void {
  redis.value = null;
  redis.meta = null;
}

/** Recovery's step c: drops a copy that is older than its row, marker included; one without meta counts as older. */
export function dropOlder(redis: Redis, row: Entry): void {
  if (redis.meta !== null && redis.meta.version >= row.version) return;
  dropCopy(redis);
  redis.marker = null;
}

/** Recovery's step d: the new state, if the old one is still as found. */
export function install(
  { rules }: Setting,
  redis: Redis,
  { epoch, found }: { readonly epoch: number; readonly found: Redis["state"] },
): boolean {
  const isAsFound = JSON.stringify(redis.state) === JSON.stringify(found);
  if (rules.compare_and_set_install && !isAsFound) return false;
  redis.state = { run: redis.run, epoch, seq: redis.state?.seq ?? 0 };
  return true;
}

/** What Redis itself removes when the clock reaches the deadline of what carries a TTL. */
export function expire(redis: Redis): void {
  if (redis.value?.clean === true && redis.value.expires) redis.value = null;
  if (redis.meta?.clean === true && redis.meta.expires && redis.meta.text !== null)
    redis.meta = null;
}

/** A deadline that has passed by now ends the copy at once, as PXAT does. */
function makeClean(redis: Redis, now: number): void {
  if (redis.value !== null) redis.value = { ...redis.value, clean: true };
  if (redis.meta !== null) redis.meta = { ...redis.meta, clean: true };
  if (now >= 1) expire(redis);
}

function hold(redis: Redis, entry: Entry): void {
  if (entry.text === null) return;
  redis.value = { text: entry.text, expires: entry.expires, clean: true };
  redis.meta = { ...entry, clean: true };
}
