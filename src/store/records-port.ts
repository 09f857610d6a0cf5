/** What a record is made of; the store adds the revision. */
export interface NewRecord {
  /** What it is: lower-case letters and underscores. */
  readonly kind: string;
  /** Which one of its kind: any text without lone surrogates. */
  readonly id: string;
  /** What it belongs to, to be listed with its like: a key, a plan, a model; "" = nothing. */
  readonly group: string;
  /** When it came to be, ms since 1970; lists go by it. */
  readonly atMs: number;
  /** From when on it is not there any more, ms since 1970 by the clock of the process that asks; null = kept until removed. */
  readonly expiresAtMs: number | null;
  /** What JSON can hold, up to some megabytes. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A small document that a service keeps beside the data: a plan, an undo, a result, a checkpoint. */
export interface KeptRecord extends NewRecord {
  /** 1 at first; grows by one with each later write of the same kind and id. */
  readonly revision: number;
}

/** A place in a list, which goes from the newest on; of the same time, from the greatest id in UTF-8 order on. */
export type RecordPosition = Pick<KeptRecord, "atMs" | "id">;

/** At most so many records in one {@link RecordsPort.put} or {@link RecordsPort.list}. */
export const RECORDS_MAX = 500;

/**
 * Records of services, one set for all processes of a store. Every method may fail with STORE_UNAVAILABLE, those that
 * change something also with DOCUMENT_REFUSED (larger than the store takes) and UNKNOWN_OUTCOME.
 */
export interface RecordsPort {
  /**
   * Writes each, in place of one of the same kind and id; no two of the same kind and id, and at most {@link RECORDS_MAX}.
   * Where it fails, some may have been written.
   */
  put(records: readonly NewRecord[]): Promise<void>;

  /**
   * Writes it if what is there has this revision, 0 = nothing is there; answers whether it did. Of several that name the
   * same revision at once, one succeeds.
   */
  replace(record: NewRecord, revision: number): Promise<boolean>;

  get(kind: string, id: string): Promise<KeptRecord | undefined>;

  /** Those of a kind, and of a group where one is named, from the newest on, beginning after `before`; at most {@link RECORDS_MAX}. */
  list(kind: string, wanted: RecordsPage): Promise<readonly KeptRecord[]>;

  /** Answers whether it was there. */
  remove(kind: string, id: string): Promise<boolean>;

  /** Removes all but the newest `keep` of a kind, and of a group where one is named; answers how many went. */
  trim(kind: string, wanted: { readonly group?: string; readonly keep: number }): Promise<number>;
}

export interface RecordsPage {
  readonly group?: string;
  readonly before?: RecordPosition;
  readonly limit: number;
}
