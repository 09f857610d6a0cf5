import type { ClockReading } from "../lib/clock-reading.ts";
import type { CachePolicy } from "./cache-authority-port.ts";

/** How a cache outside the process is set up, as far as it tells this user. Undefined is what it does not tell. */
export interface CacheFacts {
  readonly product: "Redis" | "Valkey";
  readonly version: string | undefined;
  readonly role: "primary" | "replica" | undefined;
  readonly isCluster: boolean;
  readonly policy: CachePolicy;
  /** Whether the last attempt to write to disk failed, so that it may refuse writes. */
  readonly failsToPersist: boolean;
  /** The stores that its buckets are kept in step with: none for a new one, more than one only by another hand. */
  readonly storeIds: readonly string[] | undefined;
  /** Commands that Lockstep needs and this user may not run; undefined where not even that can be asked. */
  readonly refusedCommands: readonly string[] | undefined;
  readonly clock: ClockReading;
}

/** Looks at a cache before it is used, and changes nothing in it. */
export interface CacheFactsPort {
  /** Error: CACHE_UNAVAILABLE. */
  gather(): Promise<CacheFacts>;
  close(): Promise<void>;
}
