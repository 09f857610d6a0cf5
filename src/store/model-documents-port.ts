import type { FieldRecord, FieldValue } from "../model/field-value.ts";

/** The BSON types by which documents may be known. */
export const ID_TYPES = ["objectId", "uuid", "string", "number"] as const;

export type IdType = (typeof ID_TYPES)[number];

/** The field by which a document is known, unique and (unless it is `_id`) indexed, and its type. */
export interface IdForm {
  readonly field: string;
  readonly type: IdType;
}

/** A collection of an application, and the documents of it that are cached. */
export interface CollectionRef {
  /** Undefined: the one that the store itself lies in. */
  readonly database: string | undefined;
  readonly collection: string;
  readonly id: IdForm;
  /** Only documents whose fields equal these; an empty record means all. */
  readonly filter: Readonly<Record<string, string | number | boolean | null>>;
  /** The fields to read; undefined for all. */
  readonly fields: readonly string[] | undefined;
}

/** A change of one document, made only where the guarded fields still are as they were seen. */
export interface DocumentChange {
  /** As it stands in a key. */
  readonly id: string;
  readonly set: FieldRecord;
  readonly unset: readonly string[];
  /** Field and value as seen; undefined: the document did not have it. */
  readonly seen: ReadonlyMap<string, FieldValue | undefined>;
}

/**
 * The collections of the applications, which own them: they are read, and a document is changed only as
 * {@link DocumentChange} says. Nothing is created, indexed or removed. A document whose id is not of the type that is
 * named is not seen.
 *
 * Every method may fail with STORE_UNAVAILABLE.
 */
export interface ModelDocumentsPort {
  /** How many documents the collection has, whatever the filter; an estimate. */
  count(collection: CollectionRef): Promise<number>;

  /** The documents after `after` in the order of their ids. Fewer than `limit` means the end. */
  page(
    collection: CollectionRef,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly FieldRecord[]>;

  /** `size` documents by chance, or all where there are no more; each once. */
  sample(collection: CollectionRef, size: number): Promise<readonly FieldRecord[]>;

  /**
   * The documents with one of these ids, each written as it stands in a key, in any order. Read from the primary, with
   * every write that was acknowledged before.
   */
  find(collection: CollectionRef, ids: readonly string[]): Promise<readonly FieldRecord[]>;

  /**
   * Makes the change: on a replica set in a transaction, elsewhere as one conditional update. "moved": the document is
   * not as it was seen, or is gone, and nothing was changed. Errors: also DOCUMENT_REFUSED, a rule of the collection
   * forbids it; UNKNOWN_OUTCOME, the answer was lost.
   */
  change(collection: CollectionRef, change: DocumentChange): Promise<"changed" | "moved">;
}
