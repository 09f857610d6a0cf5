import type { Entry } from "../model/entry.ts";
import type { ChangeStamp } from "../store/store-authority-port.ts";
import type { CachePort } from "./cache-port.ts";

/** A cache that only keeps copies of what the store decided. Synchronous where a copy must change in the same turn as a commit. */
export interface CopyCachePort extends CachePort {
  readonly kind: "memory";

  /** Keeps a copy unless a newer version is there; least recently used copies go when the cache is full. */
  put(entry: Entry, stamp: ChangeStamp): "kept" | "older";

  /** The copy and the stamp it was made under. */
  get(key: string): { readonly entry: Entry; readonly stamp: ChangeStamp } | undefined;

  /** Forgets a copy. */
  remove(key: string): void;
}
