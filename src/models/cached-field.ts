import {
  BsonScalar,
  type FieldRecord,
  type FieldValue,
  fieldOf,
  isFieldRecord,
} from "../model/field-value.ts";
import { isJsonObject, type JsonValue } from "../model/json-value.ts";
import { dateMsOf, isSameDecimal, leanFormOf, scalarTextOf, taggedBy } from "./bson-forms.ts";

/**
 * A field as it stands in the cache: JSON, which tells numbers from text, or the bare text of a field of a Redis hash,
 * which does not.
 */
export type CachedField = { readonly json: JsonValue } | { readonly text: string };

/** How a field is written into an entry of JSON: as JSON.stringify writes a document that was read as plain data. */
export function jsonFormOf(value: FieldValue): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof BsonScalar) return scalarJsonOf(value);
  if (isFieldRecord(value)) return recordFormOf(value);
  return value.map(jsonFormOf);
}

/** How a field is written into a Redis hash, or as an entry of its own: text as it is, null as nothing, the rest as JSON without quotes. */
export function textFormOf(value: FieldValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (typeof value === "number") return String(value + 0);
  if (value instanceof BsonScalar && value.kind !== "other") return value.text;
  const form = jsonFormOf(value);
  return typeof form === "string" ? form : JSON.stringify(form);
}

/** Whether the cached field says what the document's says, in any form in which programs write it. */
export function isSameField(
  value: FieldValue | undefined,
  cached: CachedField | undefined,
): boolean {
  if (value === undefined || cached === undefined) {
    // A hash has no null: a field that holds it may be left out or be empty.
    return value === undefined ? cached === undefined : false;
  }
  if ("json" in cached) return isSameJson(value, cached.json);
  const { text } = cached;
  if (value === null) return text === "" || text === "null";
  if (typeof value === "string") return value === text;
  if (text === textFormOf(value)) return true;
  if (isSameJson(value, text)) return true;
  const parsed = parseJson(text);
  return parsed !== undefined && isSameJson(value, parsed);
}

/**
 * The cached field as a value for the document: of the type that the document has there (`like`). Where the document does
 * not tell the type, it is taken as JSON says; paths at which JSON cannot say it are added to `unclear`.
 */
export function fieldFromCache(
  cached: CachedField,
  like: FieldValue | undefined,
  path: string,
  unclear: string[],
): FieldValue {
  if (like !== undefined && isSameField(like, cached)) return like;
  if ("json" in cached) return valueFromJson(cached.json, like, path, unclear);
  const { text } = cached;
  if (typeof like === "string") return text;
  if (like === undefined || like === null) {
    // In a hash, 5 may be a number or text.
    unclear.push(path);
    return text;
  }
  const isText = like instanceof Date || like instanceof BsonScalar;
  return valueFromJson(isText ? text : (parseJson(text) ?? text), like, path, unclear);
}

function isSameJson(value: FieldValue, cached: JsonValue): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean")
    return value === cached;
  if (typeof value === "number") return isSameNumber(value, cached);
  if (value instanceof Date) {
    const ms = value.getTime();
    return Number.isNaN(ms) ? cached === null : dateMsOf(cached) === ms;
  }
  if (value instanceof BsonScalar) return isSameScalar(value, cached);
  if (isFieldRecord(value)) {
    if (!isJsonObject(cached)) return false;
    const names = Object.keys(value);
    if (names.length !== Object.keys(cached).length) return false;
    return names.every((name) => {
      const inner = fieldOf(value, name);
      if (inner === undefined || !Object.hasOwn(cached, name)) return false;
      return isSameJson(inner, cached[name] ?? null);
    });
  }
  if (!Array.isArray(cached) || cached.length !== value.length) return false;
  return value.every((item, at) => isSameJson(item, (cached as readonly JsonValue[])[at] ?? null));
}

function isSameNumber(value: number, cached: JsonValue): boolean {
  if (typeof cached === "number") return value === cached;
  if (!Number.isFinite(value) && cached === null) return true;
  const text =
    taggedBy("$numberInt", cached) ??
    taggedBy("$numberDouble", cached) ??
    taggedBy("$numberLong", cached);
  if (typeof text !== "string") return false;
  const other = Number(text);
  return value === other || (Number.isNaN(value) && text === "NaN");
}

function isSameScalar(value: BsonScalar, cached: JsonValue): boolean {
  if (value.kind === "other") {
    const given = canonicalText(cached);
    return (
      given === canonicalText(JSON.parse(value.text) as JsonValue) ||
      given === canonicalText(leanFormOf(value))
    );
  }
  const text = scalarTextOf(value.kind, cached);
  if (text === undefined) return false;
  return value.kind === "decimal" ? isSameDecimal(value.text, text) : value.text === text;
}

/** JSON text that does not depend on the order of fields. */
function canonicalText(value: JsonValue): string {
  return JSON.stringify(value, (_, inner: JsonValue) =>
    isJsonObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

function valueFromJson(
  cached: JsonValue,
  like: FieldValue | undefined,
  path: string,
  unclear: string[],
): FieldValue {
  if (like !== undefined && isSameJson(like, cached)) return like;
  if (like instanceof Date) {
    const ms = dateMsOf(cached);
    if (ms !== undefined) return new Date(ms);
    if (cached !== null) unclear.push(path);
    return null;
  }
  if (like instanceof BsonScalar) {
    if (cached === null) return null;
    const text = like.kind === "other" ? undefined : scalarTextOf(like.kind, cached);
    if (text === undefined) unclear.push(path);
    return text === undefined ? null : new BsonScalar(like.kind, text, like.subType);
  }
  if (Array.isArray(cached)) {
    const known: readonly FieldValue[] = Array.isArray(like) ? (like as readonly FieldValue[]) : [];
    return (cached as readonly JsonValue[]).map((item, at) =>
      valueFromJson(item, known[at] ?? known[0], `${path}.${at}`, unclear),
    );
  }
  if (isJsonObject(cached)) return recordFromJson(cached, like, path, unclear);
  // Text where the document has none to compare with may be meant as a Date or an ObjectId.
  const isUntyped = like === undefined || like === null;
  if (isUntyped && typeof cached === "string" && mayBeBson(cached)) unclear.push(path);
  return cached as null | boolean | number | string;
}

function recordFromJson(
  cached: Readonly<Record<string, JsonValue>>,
  like: FieldValue | undefined,
  path: string,
  unclear: string[],
): FieldValue {
  const extended = fromExtendedJson(cached);
  if (extended !== undefined) return extended;
  const known = isFieldRecord(like) ? like : {};
  const fields = Object.entries(cached).map(([name, inner]): [string, FieldValue] => [
    name,
    valueFromJson(inner, fieldOf(known, name), `${path}.${name}`, unclear),
  ]);
  return Object.fromEntries(fields) as FieldRecord;
}

/** Extended JSON names its type itself. */
function fromExtendedJson(cached: JsonValue): FieldValue | undefined {
  const tags = [
    ["$oid", "objectId"],
    ["$uuid", "uuid"],
    ["$numberDecimal", "decimal"],
    ["$numberLong", "long"],
    ["$binary", "binary"],
  ] as const;
  for (const [tag, kind] of tags) {
    if (taggedBy(tag, cached) === undefined) continue;
    const text = scalarTextOf(kind, cached);
    return text === undefined ? undefined : new BsonScalar(kind, text);
  }
  if (taggedBy("$date", cached) === undefined) return undefined;
  const ms = dateMsOf(cached);
  return ms === undefined ? undefined : new Date(ms);
}

/** The forms of a Date and an ObjectId in JSON, exactly as they are made. */
function mayBeBson(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$|^[0-9a-f]{24}$/.test(text);
}

function recordFormOf(record: FieldRecord): JsonValue {
  const fields = Object.entries(record).map(([name, value]) => [name, jsonFormOf(value)] as const);
  return Object.fromEntries(fields);
}

function scalarJsonOf(scalar: BsonScalar): JsonValue {
  switch (scalar.kind) {
    case "objectId":
    case "uuid":
    case "binary":
      return scalar.text;
    case "decimal":
      return { $numberDecimal: scalar.text };
    case "long": {
      const number = Number(scalar.text);
      return Number.isSafeInteger(number) ? number : { $numberLong: scalar.text };
    }
    case "other":
      return JSON.parse(scalar.text) as JsonValue;
  }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
