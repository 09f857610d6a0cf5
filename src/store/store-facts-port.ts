import type { ClockReading } from "../lib/clock-reading.ts";

interface SharedFacts {
  readonly version: string | undefined;
  /** Undefined where nothing is there yet: the first start makes it. */
  readonly storeId: string | undefined;
  /** Indexes that a start would make and that are not there, each as `collection: fields` or by name. */
  readonly missingIndexes: readonly string[];
}

export interface SqliteFacts extends SharedFacts {
  readonly kind: "sqlite";
  readonly file: string;
  /** Whether the file, or the folder that it will be made in, can be written by this user. */
  readonly isWritable: boolean;
  /** What the file and its log take, bytes; 0 where there is none yet. */
  readonly fileBytes: number;
  /** What this user may still use of the disk, bytes. */
  readonly freeBytes: number;
}

export interface MongoFacts extends SharedFacts {
  readonly kind: "mongodb";
  readonly database: string;
  readonly topology: "standalone" | "replica set" | "sharded cluster";
  /** What Lockstep needs to do there and this user may not, each as `action on collection`. */
  readonly refusedActions: readonly string[];
  readonly clock: ClockReading;
}

/** How a store is set up, as far as it tells this user. */
export type StoreFacts = SqliteFacts | MongoFacts;

/** Looks at a store before it is used. Makes nothing in it: no file, no collection, no index, no identity. */
export interface StoreFactsPort {
  /** Errors: STORE_UNAVAILABLE, CONFIG_INVALID (a file of another program), SCHEMA_TOO_NEW. */
  gather(): Promise<StoreFacts>;
  close(): Promise<void>;
}
