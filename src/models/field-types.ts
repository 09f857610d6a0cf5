import { BsonScalar, type FieldRecord, type FieldValue, fieldOf } from "../model/field-value.ts";
import type { FieldType, Model } from "./model.ts";

/** A value of each type, whose type is all that is asked for. */
const SPECIMENS: Readonly<Record<FieldType, FieldValue>> = {
  objectId: new BsonScalar("objectId", ""),
  uuid: new BsonScalar("uuid", ""),
  date: new Date(0),
  decimal: new BsonScalar("decimal", ""),
  long: new BsonScalar("long", ""),
  binary: new BsonScalar("binary", ""),
  string: "",
  json: 0,
};

/** What tells the type of a field: the document's own value, else the type that the model declares, else nothing. */
export function likeType(
  model: Model,
  document: FieldRecord,
  name: string,
): FieldValue | undefined {
  const value = fieldOf(document, name);
  if (value !== undefined && value !== null) return value;
  const declared = Object.hasOwn(model.types, name) ? model.types[name] : undefined;
  return declared === undefined ? value : SPECIMENS[declared];
}
