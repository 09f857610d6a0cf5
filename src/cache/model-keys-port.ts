/** What Redis holds at one key of an application. */
export type KeyContent =
  | { readonly type: "none" }
  | { readonly type: "string"; readonly bytes: Buffer }
  | { readonly type: "hash"; readonly fields: ReadonlyMap<string, string> }
  /** Lockstep's own key, which kv_set or kv_delete has written: it has a meta, value or not; it is never written. */
  | { readonly type: "lockstep" }
  /** Another Redis type than the model's encoding has; it is never read or written. */
  | { readonly type: "other"; readonly name: string };

/** How an application caches a document: in a string, or in a hash, of which only `fields` are ours to write (undefined: all). */
export type KeyShape =
  | { readonly type: "string" }
  | { readonly type: "hash"; readonly fields: readonly string[] | undefined };

/** A lock in Redis that applications may take too: `SET <name> <token> NX PX <ms>`. */
export interface KeyLock {
  readonly name: string;
  readonly token: string;
}

/** A change of one key, made only while the lock is held and where the key still is as it was seen. */
export interface KeyChange {
  readonly key: string;
  readonly lock: KeyLock;
  readonly seen: KeyContent;
  /** "none" removes the key; of a hash of which some fields are ours, those. */
  readonly next: KeyContent;
  /** How long the entry lives from now on, milliseconds; undefined leaves the TTL that it has. */
  readonly ttlMs: number | undefined;
}

/**
 * "moved": the key is not as it was seen. "unlocked": the lock is not held any more. "lockstep": the key is Lockstep's own
 * by now. None of these has changed anything.
 */
export type KeyChangeOutcome = "changed" | "moved" | "unlocked" | "lockstep";

export interface KeysPage {
  readonly keys: readonly string[];
  /** Undefined after the last page. */
  readonly cursor: string | undefined;
}

/**
 * The keys of the applications in the same Redis database, which own them. Every method may fail with CACHE_UNAVAILABLE;
 * the many calls of one method go together, so its time is about that of one.
 */
export interface ModelKeysPort {
  /** What is at each key, in their order. */
  readMany(keys: readonly string[], shape: KeyShape): Promise<readonly KeyContent[]>;

  /**
   * Keys that match a glob pattern of Redis; about `looked` keys of the database are looked at for one page. A key that
   * is there from the first to the last page is in one of them, perhaps in several. Where the server is another one by
   * then, a cursor begins anew.
   */
  scan(page: {
    readonly pattern: string;
    readonly cursor: string | undefined;
    readonly looked: number;
  }): Promise<KeysPage>;

  /** How many keys the database has, of whomever. */
  count(): Promise<number>;

  /** Takes each lock that nobody holds, for `holdMs`; which of them were taken, in their order. */
  lockMany(locks: readonly KeyLock[], holdMs: number): Promise<readonly boolean[]>;

  /** Gives each lock back that is still held under its token. */
  unlockMany(locks: readonly KeyLock[]): Promise<void>;

  /** Makes each change by itself, all or nothing; the outcomes in their order. Error: also OVERLOADED, Redis is full. */
  changeMany(changes: readonly KeyChange[], shape: KeyShape): Promise<readonly KeyChangeOutcome[]>;

  /** Later calls fail with CACHE_UNAVAILABLE. */
  close(): Promise<void>;
}
