import { answers } from "./servers/redis.ts";
import { current } from "./servers/store.ts";
import { hit, load } from "./servers/store-first.ts";
import type { Setting } from "./setting.ts";
import { type Entry, isDead, primaryOf, type World } from "./world.ts";

/**
 * What reads would answer that began and ended now, each by another process: a text, or null for "not found"; none where
 * they would have to wait. Asked in every world, so that a model needs a reader only for what it does between its steps.
 */
export function glances(setting: Setting, world: World): readonly (string | null)[] {
  if (setting.mode === "store_first") {
    return world.copies.map((_, process) => {
      const copied = hit(setting, world, process);
      return copied === undefined ? textOf(load(setting, world), world.now) : copied;
    });
  }
  const text = glance(setting, world);
  return text === undefined ? [] : [text];
}

function glance(setting: Setting, world: World): string | null | undefined {
  const redis = primaryOf(world);
  if (!answers(setting, redis)) return undefined;
  const { value, meta, marker } = redis;
  if (meta !== null && isDead(meta, world.now)) return null;
  if (value !== null) return value.text;
  if (meta !== null && marker !== null) return null;
  const found = setting.mode === "unpinned" ? current(world) : world.store.row;
  return textOf(found, world.now);
}

function textOf(entry: Entry | null, now: number): string | null {
  return entry === null || isDead(entry, now) ? null : entry.text;
}
