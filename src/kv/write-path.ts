import type { SyncMethod } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";

/** Which way a write is meant to go: straight to the shadow, or through an event. */
export type Route = "direct" | "event";

/** Where an acknowledged write is safe. */
export type Durability = "shadow" | "outbox" | "journal";

/**
 * What a caller waits for: that the cache has the write (where the cache is the journal; elsewhere the same as
 * "durable"), that it is safe in any of the places, or that the shadow has it.
 */
export type Acknowledgement = "cache" | "durable" | "shadow";

/** How a write goes, or went, that is safe there. */
export function methodOf(durable: Durability): SyncMethod {
  return durable === "shadow" ? "ASYNC_THREAD" : "EVENT_BASED";
}

export interface WriteReceipt {
  readonly key: string;
  readonly version: Version;
  readonly method: SyncMethod;
  readonly durable: Durability;
  /**
   * Whether a live value stood there before; null where the side that knows did not answer or was not waited for, and in
   * the answer to a repetition. Only deletes ask.
   */
  readonly existed: boolean | null;
  /** From the call to the acknowledgement, milliseconds. */
  readonly latencyMs: number;
}

/**
 * Decides a write and makes it durable. What it returns is acknowledged: it survives in the place the receipt names. A
 * repetition of an earlier write, by its idempotency key, writes nothing and gets that write's version.
 *
 * Errors: CACHE_UNAVAILABLE, STORE_UNAVAILABLE, KEY_WRONG_TYPE, VERSION_CONFLICT, IDEMPOTENCY_KEY_REUSED, KEY_IN_MOTION
 * (nothing was written); UNKNOWN_OUTCOME (it may have been); TIMED_OUT (it was, and the shadow did not have it in time).
 */
export interface WritePath {
  /** Whether a write can go as an event at all; without it, every write goes direct. */
  readonly hasEventPath: boolean;

  /** `ack`: "durable" unless told. */
  write(command: WriteCommand, route: Route, ack?: Acknowledgement): Promise<WriteReceipt>;
}
