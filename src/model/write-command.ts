import type { WriterIds } from "./entry.ts";

/** What a caller wants written, before the authority has given it a version. */
export type WriteCommand = SetCommand | DeleteCommand;

export interface SetCommand extends WriterIds {
  readonly op: "set";
  readonly key: string;
  readonly value: string;
  /** {@link contentHash} of the value, computed once where the command is made. */
  readonly hash: string;
  /** Data TTL in milliseconds from the authority's now; null = lives for ever. */
  readonly ttlMs: number | null;
}

export interface DeleteCommand extends WriterIds {
  readonly op: "delete";
  readonly key: string;
}
