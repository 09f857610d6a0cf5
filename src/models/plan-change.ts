import { type FieldRecord, type FieldValue, fieldOf } from "../model/field-value.ts";
import type { DocumentChange } from "../store/model-documents-port.ts";
import { type CachedField, fieldFromCache, isSameField } from "./cached-field.ts";
import type { EntryState } from "./compare-entry.ts";
import { likeType } from "./field-types.ts";
import type { Model } from "./model.ts";

/**
 * What a reconciliation does about what it has found.
 *
 * - `create`, `refresh`: write the entry from the document, where there is none, or one that is older or unreadable.
 * - `bring_up`: write the document from the entry, which is newer.
 * - `remove`: remove the entry, whose document does not exist.
 * - `skip`: nobody can tell what is right, or it is not ours to say.
 */
export type Action = "none" | "create" | "refresh" | "bring_up" | "remove" | "skip";

/** Why a document or an entry was left as it is. */
export type SkipReason =
  /** Neither version nor timestamp could be compared. */
  | "missingTimestamps"
  /** The key holds another Redis type. */
  | "otherType"
  /** The entry cannot be read, and the model lets the cache win. */
  | "undecodable"
  /** The document lacks a field of the key. */
  | "withoutKey"
  /** The key is Lockstep's own. */
  | "lockstepKeys"
  /** The model keeps entries without a document. */
  | "keptOrphans";

/** Of what {@link actionFor} skips. */
export function skipReasonOf(found: EntryState): SkipReason {
  switch (found.state) {
    case "lockstep":
      return "lockstepKeys";
    case "orphaned":
      return "keptOrphans";
    case "undecodable":
      return found.isOtherType ? "otherType" : "undecodable";
    case "inconsistent":
    case "consistent":
    case "missing":
    case "absent":
      return "missingTimestamps";
  }
}

/** `force`: the document is right wherever there is one, however it looks. */
export function actionFor(model: Model, found: EntryState, force: boolean): Action {
  switch (found.state) {
    case "consistent":
    case "absent":
      return "none";
    case "missing":
      return "create";
    case "lockstep":
      return "skip";
    case "orphaned":
      return model.orphans === "remove" ? "remove" : "skip";
    case "undecodable":
      if (found.isOtherType) return "skip";
      return force || model.wins === "store" ? "refresh" : "skip";
    case "inconsistent":
      if (force) return "refresh";
      switch (found.cause) {
        case "store_newer":
          return "refresh";
        case "cache_newer":
          return "bring_up";
        case "same_version":
          return model.wins === "store" ? "refresh" : "bring_up";
        case "no_timestamps":
          return "skip";
      }
  }
}

/** The change that brings a document up to its entry, or the fields of which it cannot be told what to write. */
export type BringUp =
  | { readonly can: true; readonly change: DocumentChange }
  | { readonly can: false; readonly unclear: readonly string[] };

/**
 * Writes only what differs, in the types that the document has. A field that the entry lacks is removed only if the model
 * names it among its fields: otherwise the application may simply not cache it. Neither the id nor any other field of
 * the key is ever changed. The change requires version and timestamp as they were seen.
 */
export function planBringUp(
  model: Model,
  document: FieldRecord,
  { id, fields }: { readonly id: string; readonly fields: ReadonlyMap<string, CachedField> },
): BringUp {
  const fixed = new Set(["_id", ...model.key.fields.map((path) => path.split(".", 1)[0] ?? path)]);
  const unclear: string[] = [];
  const set = new Map<string, FieldValue>();
  for (const [name, cached] of fields) {
    if (fixed.has(name) || isSameField(fieldOf(document, name), cached)) continue;
    // MongoDB would take it for a path or an operator.
    if (/^\$|\.|\0/.test(name)) unclear.push(name);
    else set.set(name, fieldFromCache(cached, likeType(model, document, name), name, unclear));
  }
  if (unclear.length > 0) return { can: false, unclear };
  const unset = (model.fields ?? []).filter(
    (name) => !fixed.has(name) && !fields.has(name) && Object.hasOwn(document, name),
  );
  const dated = [model.versionField, model.timestampField].filter((name) => name !== undefined);
  const seen = new Map(dated.map((name) => [name, fieldOf(document, name)]));
  return { can: true, change: { id, set: Object.fromEntries(set), unset, seen } };
}
