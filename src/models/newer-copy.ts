import { BsonScalar, type FieldValue } from "../model/field-value.ts";
import { isoMsOf } from "./bson-forms.ts";
import type { Model } from "./model.ts";

/** What orders the states of one document: both undefined where the copy has neither. */
export interface CopyDate {
  readonly version: FieldValue | undefined;
  readonly timestamp: FieldValue | undefined;
}

/**
 * Which of two copies is the newer: by version, then by timestamp. "equal": both say that they are the same state.
 * "unknown": nothing that both have can be compared; it is never guessed.
 */
export function newerCopy(
  stored: CopyDate,
  cached: CopyDate,
  unit: Model["timestampUnit"],
): "store" | "cache" | "equal" | "unknown" {
  const byVersion = greater(rankOf(stored.version), rankOf(cached.version));
  if (byVersion === "store" || byVersion === "cache") return byVersion;
  const byTime = greater(timeOf(stored.timestamp, unit), timeOf(cached.timestamp, unit));
  // Equal versions are a verdict, even where the timestamps cannot be compared.
  return byTime === "unknown" ? byVersion : byTime;
}

/** A version as something that can be compared with one of its own kind. */
type Rank =
  | { readonly kind: "number"; readonly at: number | bigint }
  | { readonly kind: "time"; readonly at: number }
  | { readonly kind: "text"; readonly at: string };

function greater(stored: Rank | undefined, cached: Rank | undefined) {
  if (stored === undefined || cached === undefined || stored.kind !== cached.kind) return "unknown";
  if (stored.at > cached.at) return "store";
  return stored.at < cached.at ? "cache" : "equal";
}

function rankOf(version: FieldValue | undefined): Rank | undefined {
  if (version instanceof Date) return timeRank(version.getTime());
  if (version instanceof BsonScalar) {
    if (version.kind === "long") return { kind: "number", at: BigInt(version.text) };
    if (version.kind === "decimal") return numberRank(Number(version.text));
    // An ObjectId begins with the time at which it was made.
    return version.kind === "objectId" ? { kind: "text", at: version.text } : undefined;
  }
  if (typeof version === "number") return numberRank(version);
  if (typeof version !== "string" || version === "") return undefined;
  if (/^-?\d+$/.test(version)) return { kind: "number", at: BigInt(version) };
  const ms = isoMsOf(version);
  return ms === undefined ? { kind: "text", at: version } : timeRank(ms);
}

function timeOf(timestamp: FieldValue | undefined, unit: Model["timestampUnit"]): Rank | undefined {
  const ms = (count: number) => timeRank(unit === "s" ? count * 1000 : count);
  if (timestamp instanceof Date) return timeRank(timestamp.getTime());
  if (timestamp instanceof BsonScalar)
    return timestamp.kind === "long" ? ms(Number(timestamp.text)) : undefined;
  if (typeof timestamp === "number") return ms(timestamp);
  if (typeof timestamp !== "string") return undefined;
  if (/^-?\d+(?:\.\d+)?$/.test(timestamp)) return ms(Number(timestamp));
  const parsed = isoMsOf(timestamp);
  return parsed === undefined ? undefined : timeRank(parsed);
}

function numberRank(at: number): Rank | undefined {
  return Number.isFinite(at) ? { kind: "number", at } : undefined;
}

function timeRank(at: number): Rank | undefined {
  return Number.isFinite(at) ? { kind: "time", at } : undefined;
}
