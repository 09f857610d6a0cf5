import { entryOf } from "../../../src/sync/journal-sweep.ts";
import type { Seen } from "../servers/redis.ts";
import type { Entry } from "../world.ts";
import { observationOf } from "./observation.ts";

/** The write that the cache holds, if the real sweep would take it from there. */
export function unsyncedEntry(seen: Seen): Entry | undefined {
  if (seen.meta === null || entryOf(observationOf(seen)) === undefined) return undefined;
  const { clean: _, ...entry } = seen.meta;
  return entry;
}
