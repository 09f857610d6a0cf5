import { type FieldRecord, type FieldValue, fieldOf } from "../model/field-value.ts";
import { type CachedEntry, cachedFieldsOf, isSameEntry } from "./cached-entry.ts";
import { type CachedField, fieldFromCache, isSameField } from "./cached-field.ts";
import { likeType } from "./field-types.ts";
import type { Model } from "./model.ts";
import { type CopyDate, newerCopy } from "./newer-copy.ts";

/**
 * What a document and its entry say about each other. Total: whatever the two hold, one of these is the answer.
 *
 * - `consistent`: the entry says what the document says.
 * - `inconsistent`: they differ; the cause says which is the newer, or that nothing tells it.
 * - `missing`: the document has no entry.
 * - `orphaned`: the entry has no document.
 * - `absent`: there is neither.
 * - `undecodable`: the entry cannot be read, or is that of another document.
 * - `lockstep`: the key is Lockstep's own, and no entry.
 */
export type EntryState =
  | { readonly state: "consistent" | "missing" | "orphaned" | "absent" | "lockstep" }
  | { readonly state: "inconsistent"; readonly cause: DriftCause }
  | { readonly state: "undecodable"; readonly why: string; readonly isOtherType: boolean };

export type DriftCause = "store_newer" | "cache_newer" | "same_version" | "no_timestamps";

/** Compares the contents first: equal copies need no version. Newer is decided by version, then by timestamp. */
export function compareEntry(
  model: Model,
  document: FieldRecord | undefined,
  entry: CachedEntry,
): EntryState {
  // Another program's, document or not.
  if (entry.state === "undecodable" && entry.isOtherType) return entry;
  if (entry.state === "lockstep") return { state: "lockstep" };
  if (document === undefined) return { state: entry.state === "absent" ? "absent" : "orphaned" };
  switch (entry.state) {
    case "absent":
      return { state: "missing" };
    case "undecodable":
      return entry;
    case "decoded":
      break;
  }
  const { fields } = entry;
  const foreign = foreignField(model, document, fields);
  if (foreign !== undefined) {
    const why = `its ${foreign} is that of another document`;
    return { state: "undecodable", why, isOtherType: false };
  }
  if (isSameEntry(cachedFieldsOf(model, document), fields)) return { state: "consistent" };
  return { state: "inconsistent", cause: causeOf(model, document, fields) };
}

function causeOf(
  model: Model,
  document: FieldRecord,
  fields: ReadonlyMap<string, CachedField>,
): DriftCause {
  const stored: CopyDate = {
    version: fieldIn(document, model.versionField),
    timestamp: fieldIn(document, model.timestampField),
  };
  const cached: CopyDate = {
    version: cachedIn(model, document, fields, model.versionField),
    timestamp: cachedIn(model, document, fields, model.timestampField),
  };
  switch (newerCopy(stored, cached, model.timestampUnit)) {
    case "store":
      return "store_newer";
    case "cache":
      return "cache_newer";
    case "equal":
      return "same_version";
    case "unknown":
      return "no_timestamps";
  }
}

/** A field of the key in which the entry names another document than the one whose key it stands at. */
function foreignField(
  model: Model,
  document: FieldRecord,
  fields: ReadonlyMap<string, CachedField>,
): string | undefined {
  return model.key.fields.find((name) => {
    const cached = fields.get(name);
    return cached !== undefined && !isSameField(fieldOf(document, name), cached);
  });
}

function fieldIn(document: FieldRecord, name: string | undefined): FieldValue | undefined {
  return name === undefined ? undefined : fieldOf(document, name);
}

/** As the document has it: a Date that is cached as text is a Date again. Undefined where that is not clear. */
function cachedIn(
  model: Model,
  document: FieldRecord,
  fields: ReadonlyMap<string, CachedField>,
  name: string | undefined,
): FieldValue | undefined {
  const cached = name === undefined ? undefined : fields.get(name);
  if (name === undefined || cached === undefined) return undefined;
  // Beside a Date, a number is still counted in the model's unit.
  if (name === model.timestampField && "json" in cached && typeof cached.json === "number")
    return cached.json;
  const unclear: string[] = [];
  const value = fieldFromCache(cached, likeType(model, document, name), name, unclear);
  return unclear.length === 0 ? value : undefined;
}
