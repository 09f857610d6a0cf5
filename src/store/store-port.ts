import type {
  Entry,
  ShadowContents,
  ShadowDigest,
  ShadowEntry,
  SyncMethod,
} from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { StatementLife } from "./statement-life.ts";

/**
 * The durable side: one shadow row per key. Writes are monotone (only a newer version changes a row),
 * so repeating or reordering them is harmless.
 *
 * Every method may fail with STORE_UNAVAILABLE: what it was to change has surely not been changed. Only
 * {@link StorePort.applyNewer} may also fail with UNKNOWN_OUTCOME: the answer was lost; and with DOCUMENT_REFUSED: the
 * store answers, and will not take one of the entries, now or later, unless someone changes its rules. The others may
 * or may not have been written; and with WRITE_EXPIRED: nothing was written, because its life was over.
 */
export interface StorePort {
  readonly kind: "sqlite" | "mongodb";

  /** This store's identity: random, made once by whichever process opens it first, the same for all and for ever. */
  storeId(): Promise<string>;

  /** Resolves if the store answers a trivial question. */
  ping(): Promise<void>;

  /** The row of a key, read so that every write acknowledged before the call is seen (linearizable on replica sets). */
  get(key: string): Promise<ShadowEntry | undefined>;

  /** {@link get} of many keys, as fresh for each; keys without a row are left out. */
  getEach(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>>;

  /** The rows of many keys; keys without a row are left out. As fresh as {@link get} on one server; on replica sets the primary's view. */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>>;

  /** As {@link getMany}, without the values, which are neither moved nor hashed. */
  getDigests(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowDigest>>;

  /** Those of the keys that have a row, a dead one too. */
  existing(keys: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Writes each entry whose version is newer than the row's (or that has no row yet) and leaves the other rows
   * untouched. An entry without idempotency records leaves those of its row. Resolves when all of it is durable (majority and journaled; flushed to disk), with the version each
   * key's row has now: the entry's own, or a newer one. The same key may occur more than once, in any order: the newest
   * counts, with the records of older ones where it has none. Nothing is written later than ten minutes (STATEMENT_LIFE_MS)
   * after `life` began, which is with the call where none is given.
   */
  applyNewer(
    entries: readonly Entry[],
    method: SyncMethod,
    life?: StatementLife,
  ): Promise<ReadonlyMap<string, Version>>;

  /**
   * One page of rows in key order (by bytes), dead ones too, beginning after `afterKey`. Fewer than `limit` rows
   * means the end. Rows written during a scan may or may not be seen.
   */
  scan(page: ScanPage): Promise<readonly ShadowEntry[]>;

  /** As {@link scan}, and only what verification compares: for passes over all. */
  scanContents(page: ScanPage): Promise<readonly ShadowContents[]>;

  /** As {@link scanContents}, without the values. */
  scanDigests(page: ScanPage): Promise<readonly ShadowDigest[]>;

  /** The key of one row, in the order of {@link scan}: that which comes after `afterKey` and `skip` others; undefined past the end. */
  keyAfter(place: KeyPlace): Promise<string | undefined>;

  /** Live rows not written since `beforeMs`: how many, and the first `limit` keys of them, oldest first. */
  staleEntries(
    query: StaleQuery,
  ): Promise<{ readonly count: number; readonly keys: readonly string[] }>;

  /** Rows in all, or with a prefix those whose keys begin with it, dead ones too; an estimate is fine. */
  countRows(prefix?: string): Promise<number>;

  /**
   * Takes or renews the named lease for `owner`: true if nobody else holds it now. Lets one of several processes do
   * a job that all could do; an optimisation, so no one's safety may rest on it.
   */
  acquireLease(name: string, owner: string, leaseMs: number): Promise<boolean>;

  /** Flushes and closes. Later calls fail with STORE_UNAVAILABLE. */
  close(): Promise<void>;
}

export interface ScanPage {
  readonly afterKey?: string;
  /** Only keys that begin with this text, compared byte by byte; never a pattern. */
  readonly prefix?: string;
  readonly limit: number;
}

export interface KeyPlace {
  readonly afterKey?: string;
  readonly prefix?: string;
  readonly skip: number;
}

export interface StaleQuery {
  readonly beforeMs: number;
  readonly prefix?: string;
  readonly limit: number;
}
