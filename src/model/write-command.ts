import type { WriterIds } from "./entry.ts";
import type { IdempotencyMark } from "./idempotency.ts";
import type { WriteCondition } from "./write-condition.ts";

/** What a caller wants written, before the authority has given it a version. */
export type WriteCommand = SetCommand | DeleteCommand;

interface Terms extends WriterIds {
  /** Without one, the write is made whatever stands there. */
  readonly condition?: WriteCondition;
  /** Without one, each call is a write of its own. */
  readonly idempotencyMark?: IdempotencyMark;
}

export interface SetCommand extends Terms {
  readonly op: "set";
  readonly key: string;
  readonly value: string;
  /** {@link contentHash} of the value, computed once where the command is made. */
  readonly hash: string;
  /** Data TTL in milliseconds from the authority's now; null = lives for ever. */
  readonly ttlMs: number | null;
}

export interface DeleteCommand extends Terms {
  readonly op: "delete";
  readonly key: string;
}
