import type { KeyContent, KeyShape } from "../cache/model-keys-port.ts";
import { type FieldRecord, type FieldValue, fieldOf } from "../model/field-value.ts";
import { isJsonObject, type JsonValue } from "../model/json-value.ts";
import { type CachedField, isSameField, jsonFormOf, textFormOf } from "./cached-field.ts";
import type { Model } from "./model.ts";

/** What stands in the cache at a key of a model, field by field. */
export type CachedEntry =
  | { readonly state: "absent" }
  /** Lockstep's own key. */
  | { readonly state: "lockstep" }
  | { readonly state: "decoded"; readonly fields: ReadonlyMap<string, CachedField> }
  | {
      readonly state: "undecodable";
      readonly why: string;
      /** Whether it is another Redis type, which is never overwritten. */
      readonly isOtherType: boolean;
    };

/** How the model's entries lie in Redis. */
export function shapeOf(model: Model): KeyShape {
  return model.encoding === "hash" ? { type: "hash", fields: model.fields } : { type: "string" };
}

/** Reads an entry as the model's encoding says. Only fields that the model caches are in the answer. */
export function decodeEntry(model: Model, content: KeyContent): CachedEntry {
  switch (content.type) {
    case "none":
      return { state: "absent" };
    case "lockstep":
      return { state: "lockstep" };
    case "other":
      return undecodable(`the key holds a Redis ${content.name}`, true);
    case "hash":
      return decoded(
        model,
        [...content.fields].map(([name, text]) => [name, { text }]),
      );
    case "string":
      return model.encoding === "json"
        ? decodeJson(model, content.bytes)
        : decodeText(model, content.bytes);
  }
}

/** The entry of a document, as it is written to Redis. */
export function encodeEntry(model: Model, document: FieldRecord): KeyContent {
  const fields = cachedFieldsOf(model, document);
  switch (model.encoding) {
    case "json": {
      const forms = [...fields].map(([name, value]) => [name, jsonFormOf(value)] as const);
      return { type: "string", bytes: Buffer.from(JSON.stringify(Object.fromEntries(forms))) };
    }
    case "string": {
      const [value = null] = fields.values();
      return { type: "string", bytes: Buffer.from(textFormOf(value)) };
    }
    case "hash": {
      const texts = [...fields].map(([name, value]) => [name, textFormOf(value)] as const);
      return { type: "hash", fields: new Map(texts) };
    }
  }
}

/** The fields of a document that the model caches; those that it does not have are left out. */
export function cachedFieldsOf(
  model: Model,
  document: FieldRecord,
): ReadonlyMap<string, FieldValue> {
  const names = model.fields ?? Object.keys(document);
  const fields = names.map((name) => [name, fieldOf(document, name)] as const);
  return new Map(fields.filter((field): field is [string, FieldValue] => field[1] !== undefined));
}

/** Whether an entry says what the document says, in every field that is cached. */
export function isSameEntry(
  fields: ReadonlyMap<string, FieldValue>,
  cached: ReadonlyMap<string, CachedField>,
): boolean {
  for (const name of cached.keys()) if (!fields.has(name)) return false;
  for (const [name, value] of fields) if (!isSameField(value, cached.get(name))) return false;
  return true;
}

function decodeJson(model: Model, bytes: Buffer): CachedEntry {
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(bytes.toString()) as JsonValue;
  } catch {
    return undecodable("it is not JSON");
  }
  if (!isJsonObject(parsed)) return undecodable("it is JSON, but no object");
  return decoded(
    model,
    Object.entries(parsed).map(([name, json]) => [name, { json }]),
  );
}

function decodeText(model: Model, bytes: Buffer): CachedEntry {
  const [name = ""] = model.fields ?? [];
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) return undecodable("it is not text");
  return decoded(model, [[name, { text }]]);
}

function decoded(model: Model, fields: readonly (readonly [string, CachedField])[]): CachedEntry {
  const wanted = model.fields === undefined ? undefined : new Set(model.fields);
  return {
    state: "decoded",
    fields: new Map(wanted === undefined ? fields : fields.filter(([name]) => wanted.has(name))),
  };
}

function undecodable(why: string, isOtherType = false): CachedEntry {
  return { state: "undecodable", why, isOtherType };
}
