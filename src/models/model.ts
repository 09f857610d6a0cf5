import type { CollectionRef } from "../store/model-documents-port.ts";
import type { KeyTemplate } from "./key-template.ts";

/** What the keys of cache and store are called where a model could stand, so no model has this name. Jobs look at them where no models are declared. */
export const KV = "kv";

/**
 * How a cached entry is written: `json`, one object in a Redis string; `string`, the text of one field in a Redis
 * string; `hash`, one field of a Redis hash for each field of the document.
 */
export type Encoding = "json" | "string" | "hash";

/** Which copy is right where both have the same version and still differ. */
export type TieWinner = "store" | "cache";

/** The BSON type of a field, where documents alone do not tell it; json takes what is cached as JSON says. */
export type FieldType =
  | "objectId"
  | "uuid"
  | "date"
  | "decimal"
  | "long"
  | "binary"
  | "string"
  | "json";

/** An existing collection of an application, and how that application caches it in Redis. */
export interface Model {
  /** As tools, logs and locks name it. */
  readonly name: string;
  readonly collection: CollectionRef;
  readonly key: KeyTemplate;
  readonly encoding: Encoding;
  /** The fields that are cached, version and timestamp among them; undefined for all. */
  readonly fields: readonly string[] | undefined;
  /** Grows with each change of a document: a number, text, or Date. */
  readonly versionField: string | undefined;
  /** When a document was last changed: a Date, ISO 8601 text, or a number of {@link timestampUnit}. */
  readonly timestampField: string | undefined;
  readonly timestampUnit: "ms" | "s";
  /** How long an entry that is written here lives, seconds; undefined leaves the TTL of an entry as it is. */
  readonly ttlSec: number | undefined;
  readonly wins: TieWinner;
  /** What becomes of an entry whose document does not exist. */
  readonly orphans: "remove" | "keep";
  /** Types by field, for fields that a document does not have or holds null in. */
  readonly types: Readonly<Record<string, FieldType>>;
}
