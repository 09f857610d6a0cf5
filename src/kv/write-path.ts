import type { SyncMethod } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";

/** Which way a write is meant to go: straight to the shadow, or through an event. */
export type Route = "direct" | "event";

/** Where an acknowledged write is safe. */
export type Durability = "shadow" | "outbox" | "journal";

export interface WriteReceipt {
  readonly key: string;
  readonly version: Version;
  readonly method: SyncMethod;
  readonly durable: Durability;
  /** Whether a live value stood there before; null where the side that knows did not answer. Only deletes ask. */
  readonly existed: boolean | null;
  /** From the call to the acknowledgement, milliseconds. */
  readonly latencyMs: number;
}

/**
 * Decides a write and makes it durable. What it returns is acknowledged: it survives in the place the receipt names.
 *
 * Errors: CACHE_UNAVAILABLE, STORE_UNAVAILABLE, KEY_WRONG_TYPE (nothing was written); UNKNOWN_OUTCOME (it may have been).
 */
export interface WritePath {
  /** Whether a write can go as an event at all; without it, every write goes direct. */
  readonly hasEventPath: boolean;

  write(command: WriteCommand, route: Route): Promise<WriteReceipt>;
}
