import type { RepairAction } from "../../../src/verify/plan-repair.ts";
import { complain, newestWrite } from "../past.ts";
import type { Picture } from "../real/verdict.ts";
import { dropCopy, fill, isAsSeen, stamp, type Wish, write } from "../servers/redis.ts";
import type { Setting } from "../setting.ts";
import { type Entry, newestOf, type Redis, serverOf, type Version, type World } from "../world.ts";

/** What a repair has seen and is about to do. */
export interface Plan {
  readonly picture: Picture;
  readonly action: RepairAction;
  /** How often another program had changed the value when the look began; only the watcher asks. */
  readonly foreign: number;
}

/** The newest of what the store held when it was looked at. */
export function storedIn({ row, events }: Picture): Entry | null {
  return newestOf([row, ...events.map(({ entry }) => entry)]);
}

/** drop.lua: forgets the copy or the marker, if all is still as seen. */
export function drop(setting: Setting, draft: World, process: number, plan: Plan): void {
  const redis = serverOf(draft, process);
  if (setting.rules.repair_condition && !isAsSeen(redis, plan.picture.seen)) return;
  if (plan.action === "drop_copy") dropCopy(redis);
  else redis.marker = null;
}

/** write.lua with its guard: a new version, on condition that what was seen still stands there; null if it does not. */
export function rewrite(setting: Setting, draft: World, process: number, plan: Plan): Entry | null {
  const redis = serverOf(draft, process);
  const { picture } = plan;
  if (setting.rules.repair_condition && !isAsSeen(redis, picture.seen)) return null;
  if (newestWrite(setting, draft) > newestIn(picture) || hasLostForeign(draft, redis, plan)) {
    complain(draft, "G1", "a repair has overwritten what it had not seen");
  }
  return write(setting, draft, redis, wishOf(plan));
}

/** The row that was seen, as a clean copy or as the meta of an equal value; the scripts ask for the lease themselves. */
export function takeOver(
  setting: Setting,
  draft: World,
  process: number,
  { picture, action, token }: Plan & { readonly token: string },
): void {
  const redis = serverOf(draft, process);
  const entry = picture.row;
  if (entry === null) return;
  if (action === "stamp") stamp(setting, { redis, entry, token });
  else fill(setting, { redis, entry, token, now: draft.now });
}

function wishOf({ action, picture }: Plan): Wish {
  const { seen } = picture;
  if (action === "follow_cache") {
    return { text: seen.value?.text ?? null, expires: seen.meta?.expires ?? false };
  }
  if (action === "follow_store") {
    const stored = storedIn(picture);
    return { text: stored?.text ?? null, expires: stored?.expires ?? false };
  }
  return { text: null, expires: false };
}

function newestIn(picture: Picture): Version {
  return newestOf([picture.seen.meta, storedIn(picture)])?.version ?? 0;
}

function hasLostForeign({ past }: World, redis: Redis, { picture, foreign }: Plan): boolean {
  return past.foreign !== foreign && redis.value?.text !== picture.seen.value?.text;
}
