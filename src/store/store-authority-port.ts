import type { Entry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { WriteRefusal } from "../model/write-condition.ts";

/**
 * A store that mints versions and decides writes itself: what the in-process cache needs, since a cache that dies
 * with its process can be no authority.
 *
 * Errors: STORE_UNAVAILABLE where the write surely did not happen, UNKNOWN_OUTCOME where the answer was lost,
 * DOCUMENT_REFUSED where a rule of the store forbids this one.
 */
export interface StoreAuthorityPort {
  /** Whether a write may go to the outbox instead of the row. */
  readonly hasEventPath: boolean;

  /**
   * Whether writes that come at once share one commit: many are then about as dear as one, and holding some back would
   * only make more commits of them.
   */
  readonly groupsWrites: boolean;

  /**
   * Mints a version above every earlier one of the key and writes the shadow row, or (`to: "outbox"`) an outbox event, durably.
   * `guard`, then idempotency, then the command's condition are judged on the newest of row and unprocessed events; the
   * first that fails is told.
   * `onCommitted` runs in the same turn of the event loop as the commit, before any other caller can look: whoever
   * keeps a copy replaces it there. Once `signal` is aborted nothing more is sent (STORE_UNAVAILABLE): what is under way may
   * still land, but no newer version is minted for a caller who has been told that nobody knows.
   */
  write(
    command: WriteCommand,
    options: {
      readonly to: "shadow" | "outbox";
      readonly guard?: RowGuard;
      readonly onCommitted?: (current: CurrentEntry) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<AuthorityWrite>;

  /**
   * The newest of the key's unprocessed events and its row, in one transaction where the store has them.
   * `onLoaded` runs in the same turn as the read.
   */
  current(
    key: string,
    onLoaded?: (current: CurrentEntry | undefined, stamp: ChangeStamp) => void,
  ): Promise<CurrentEntry | undefined>;

  /**
   * Changes whenever another connection has committed anything; undefined where the store cannot tell, so that no
   * copy made earlier may be trusted. Synchronous: it is asked on every hit.
   */
  changeStamp(): ChangeStamp;
}

/** An opaque mark to compare for equality. */
export type ChangeStamp = number | undefined;

/** Only write if the newest entry of the key still has this version; null = only if there is none. */
export interface RowGuard {
  readonly version: Version | null;
}

export interface CurrentEntry {
  readonly entry: Entry;
  readonly from: "shadow" | "outbox";
  readonly stamp: ChangeStamp;
}

export type AuthorityWrite =
  | {
      readonly outcome: "written";
      readonly entry: Entry;
      /** Whether a live value stood there before. */
      readonly existed: boolean;
    }
  | {
      /** The write with this idempotency key was made before, and this is its version; nothing was written now. */
      readonly outcome: "repeated";
      readonly version: Version;
      readonly from: CurrentEntry["from"];
    }
  | WriteRefusal
  | { readonly outcome: "moved"; readonly version: Version | null };

/** Error: STORE_UNAVAILABLE where the caller has given the write up. */
export function checkWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LockstepError(
    "STORE_UNAVAILABLE",
    "The caller has given the write up; nothing was written.",
  );
}
