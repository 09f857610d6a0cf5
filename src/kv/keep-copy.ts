import type { CopyCachePort } from "../cache/copy-cache-port.ts";
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
