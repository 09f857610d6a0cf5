import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import { matchesOwnHash } from "../model/entry.ts";
import type { ChangeStamp, CurrentEntry } from "../store/store-authority-port.ts";

/**
 * Makes the in-process copy follow what the store has just said. Runs in the same turn as the commit or the read, so
 * that no other caller sees the old copy after the new entry is committed.
 */
export function keepCopy(
  cache: CopyCachePort,
  key: string,
  current: CurrentEntry | undefined,
  stamp: ChangeStamp = current?.stamp,
): void {
  if (current === undefined || current.entry.value === null) cache.remove(key);
  else cache.put(current.entry, stamp);
}

/** The same for what was read, which another hand may have changed since it was written: that is never copied. */
export function keepLoaded(
  cache: CopyCachePort,
  key: string,
  loaded: CurrentEntry | undefined,
  stamp: ChangeStamp,
): void {
  if (loaded === undefined || matchesOwnHash(loaded.entry)) keepCopy(cache, key, loaded, stamp);
  else cache.remove(key);
}
