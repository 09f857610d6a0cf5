import mongoose, { type mongo } from "mongoose";
import {
  BsonScalar,
  type FieldRecord,
  type FieldValue,
  isFieldRecord,
} from "../../../model/field-value.ts";

const { BSON, Binary, Decimal128, Double, Int32, Long, ObjectId, UUID } = mongoose.mongo;
const { EJSON } = BSON;

/**
 * How the documents of applications are read: 64-bit integers stay what they are, so that they can be written back as
 * such, and regular expressions keep the options that JavaScript does not know.
 */
export const READ_OPTIONS = { promoteLongs: false, bsonRegExp: true } as const;

/** A document as the driver has read it. */
export function fieldRecordOf(document: mongo.Document): FieldRecord {
  const fields = Object.entries(document).flatMap(([name, value]): [string, FieldValue][] =>
    value === undefined ? [] : [[name, fieldValueOf(value)]],
  );
  return Object.fromEntries(fields);
}

/** A value as the driver has read it; what a list holds as undefined is null, as in JSON. */
export function fieldValueOf(value: unknown): FieldValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (typeof value === "bigint") return new BsonScalar("long", value.toString());
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(fieldValueOf);
  if (value instanceof ObjectId) return new BsonScalar("objectId", value.toHexString());
  if (value instanceof Long) return new BsonScalar("long", value.toString());
  if (value instanceof Int32 || value instanceof Double) return value.valueOf();
  if (value instanceof Decimal128) return new BsonScalar("decimal", value.toString());
  if (value instanceof Binary) return binaryOf(value);
  if (isBsonType(value)) return new BsonScalar("other", EJSON.stringify(value, { relaxed: false }));
  return fieldRecordOf(value as mongo.Document);
}

/** The value as the driver writes it. */
export function bsonOf(value: FieldValue): unknown {
  if (value instanceof BsonScalar) return bsonScalarOf(value);
  if (Array.isArray(value)) return (value as readonly FieldValue[]).map(bsonOf);
  if (isFieldRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bsonOf(inner)]));
  }
  return value;
}

function bsonScalarOf({ kind, text, subType }: BsonScalar): unknown {
  switch (kind) {
    case "objectId":
      return new ObjectId(text);
    case "uuid":
      return new UUID(text);
    case "decimal":
      return Decimal128.fromString(text);
    case "long":
      return Long.fromString(text);
    case "binary":
      return new Binary(Buffer.from(text, "base64"), subType);
    case "other":
      return EJSON.parse(text, { relaxed: false }) as unknown;
  }
}

function binaryOf(value: mongo.Binary): BsonScalar {
  if (value.sub_type === Binary.SUBTYPE_UUID && value.length() === 16)
    return new BsonScalar("uuid", value.toUUID().toHexString());
  return new BsonScalar("binary", value.toString("base64"), value.sub_type);
}

function isBsonType(value: object): boolean {
  // On the prototype: a document may have a field of that name.
  return "_bsontype" in value && !Object.hasOwn(value, "_bsontype");
}
