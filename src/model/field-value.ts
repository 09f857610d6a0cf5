/** The BSON types that JSON has no word for, beside Date. */
export type BsonKind = "objectId" | "uuid" | "decimal" | "long" | "binary" | "other";

/**
 * A value of a BSON type that JSON has no word for, as text: the 24 digits of an ObjectId, a UUID with hyphens, the
 * digits of a Decimal128 or a Long, base64 of a Binary, canonical Extended JSON of anything else.
 */
export class BsonScalar {
  readonly kind: BsonKind;
  readonly text: string;
  /** Of a Binary only. */
  readonly subType: number;

  constructor(kind: BsonKind, text: string, subType = 0) {
    this.kind = kind;
    this.text = text;
    this.subType = subType;
  }
}

export interface FieldRecord {
  readonly [name: string]: FieldValue;
}

/** What a field of an application's document holds. What is absent or undefined is not there at all. */
export type FieldValue =
  | null
  | boolean
  | number
  | string
  | Date
  | BsonScalar
  | readonly FieldValue[]
  | FieldRecord;

export function isFieldRecord(value: FieldValue | undefined): value is FieldRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof BsonScalar)
  );
}

/** Own fields only: a document may have a field that is called like one of Object's. */
export function fieldOf(record: FieldRecord, name: string): FieldValue | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The field at a dotted path; undefined where any step of it is missing. */
export function fieldAt(record: FieldRecord, path: string): FieldValue | undefined {
  let at: FieldValue | undefined = record;
  for (const name of path.split(".")) {
    if (!isFieldRecord(at)) return undefined;
    at = fieldOf(at, name);
  }
  return at;
}
