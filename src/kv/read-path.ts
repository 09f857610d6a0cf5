import type { Version } from "../model/version.ts";
import type { Durability } from "./write-path.ts";

export type ReadAnswer =
  | FoundValue
  | { readonly found: false; readonly source: "cache" | "store"; readonly warning?: string };

export interface FoundValue {
  readonly found: true;
  readonly value: string;
  readonly source: "cache" | "store";
  /** Null for a value that another program put into the cache. */
  readonly version: Version | null;
  readonly expiresAtMs: number | null;
  /** The clock by which age and TTL are counted, milliseconds since 1970. */
  readonly nowMs: number;
  readonly durable: Durability | null;
  /** Set when the answer may be behind, with the reason. */
  readonly warning?: string;
}

/** Errors: STORE_UNAVAILABLE, CACHE_UNAVAILABLE, KEY_WRONG_TYPE, VALUE_NOT_TEXT. */
export interface ReadPath {
  read(key: string): Promise<ReadAnswer>;
}
