import type { Version } from "../model/version.ts";
import type { Durability } from "./write-path.ts";

export type ReadAnswer = FoundValue | NothingFound;

export interface NothingFound {
  readonly found: false;
  readonly source: "cache" | "store";
  /** The version of the delete, or of what has expired; absent where nothing is known of the key. */
  readonly version?: Version;
  readonly warning?: string;
}

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

/** Errors: STORE_UNAVAILABLE, CACHE_UNAVAILABLE, KEY_WRONG_TYPE, VALUE_NOT_TEXT, VALUE_CORRUPT. */
export interface ReadPath {
  read(key: string): Promise<ReadAnswer>;

  /** What the store has, its unprocessed events too, whatever the cache holds. Linearizable. Error: STORE_UNAVAILABLE. */
  readStored(key: string): Promise<ReadAnswer>;
}
