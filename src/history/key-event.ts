import type { WriterIds } from "../model/entry.ts";
import type { Version } from "../model/version.ts";

/**
 * What can happen to a key; of events of one moment, in the order in which they happen:
 * - written: the authority decided a write and gave it this version
 * - waiting: an event stands for it in the outbox
 * - pending: the cache marks it as a write that the store does not have
 * - synced: the store's shadow has it
 * - acknowledged: the cache was told so
 * - evicted: the cache was found not to have it any more, although it had it before
 * - filled: brought from the store into the cache
 * - dropped: the cached copy was forgotten on purpose, being behind or in doubt
 * - drift: verification found the copies at odds
 * - repaired, undone: by a repair, or by the undo of a plan
 * - lost: Redis has lost it after it was acknowledged
 * - parked: the store keeps refusing it
 */
export const KEY_EVENT_KINDS = [
  "written",
  "waiting",
  "pending",
  "synced",
  "acknowledged",
  "evicted",
  "filled",
  "dropped",
  "drift",
  "repaired",
  "undone",
  "lost",
  "parked",
] as const;

export type KeyEventKind = (typeof KEY_EVENT_KINDS)[number];

/** One thing that happened to one key. */
export interface KeyEvent extends Partial<WriterIds> {
  readonly what: KeyEventKind;
  /** By which way, or of which kind: direct, event, sweep; set, delete; a class; an action. */
  readonly how: string | null;
  readonly version: Version | null;
  /** A sentence or a name that says more; never a value. */
  readonly note?: string | null;
}

/**
 * Kinds that are rare and that somebody may ask for days later, in another process. Drift is not among them: who looks
 * whether the copies agree, writes nothing, and the repair that follows is kept.
 */
export const KEPT_KINDS: ReadonlySet<KeyEventKind> = new Set([
  "evicted",
  "repaired",
  "undone",
  "lost",
  "parked",
]);

/** An event as a history has it. */
export interface DatedKeyEvent extends KeyEvent {
  /** Milliseconds since 1970, by the clock of the process that noted it. */
  readonly atMs: number;
  /** How often it happened in a row; the time is that of the last. */
  readonly times: number;
}
