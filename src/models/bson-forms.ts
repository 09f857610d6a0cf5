import type { BsonKind, BsonScalar } from "../model/field-value.ts";
import { isJsonObject, type JsonValue } from "../model/json-value.ts";

// The forms in which programs write BSON types into JSON. `JSON.stringify` of a document that the driver or Mongoose
// has read, Extended JSON, and what older versions of either made are all read; one form is written.

/** A point in time in any form: Date's own JSON, Extended JSON, milliseconds. Undefined for anything else. */
export function dateMsOf(cached: JsonValue): number | undefined {
  if (typeof cached === "number") return Number.isFinite(cached) ? cached : undefined;
  if (typeof cached === "string") return isoMsOf(cached);
  const inner = taggedBy("$date", cached);
  if (typeof inner === "string") return isoMsOf(inner);
  if (typeof inner === "number") return inner;
  const digits = taggedBy("$numberLong", inner);
  return typeof digits === "string" && /^-?\d{1,16}$/.test(digits) ? Number(digits) : undefined;
}

/** ISO 8601 with a zone, or a date alone, which is UTC. A time without a zone means another time on each machine. */
export function isoMsOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))?$/.test(text))
    return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** The text that {@link BsonScalar} has for a value of this kind; undefined where the JSON cannot be one. */
export function scalarTextOf(
  kind: Exclude<BsonKind, "other">,
  cached: JsonValue,
): string | undefined {
  switch (kind) {
    case "objectId": {
      const text = taggedBy("$oid", cached) ?? cached;
      return typeof text === "string" && /^[0-9a-f]{24}$/i.test(text)
        ? text.toLowerCase()
        : undefined;
    }
    case "uuid":
      return uuidOf(cached);
    case "decimal": {
      const text = taggedBy("$numberDecimal", cached) ?? cached;
      const digits = typeof text === "number" ? String(text) : text;
      return typeof digits === "string" && plainDecimal(digits) !== undefined ? digits : undefined;
    }
    case "long":
      return longOf(cached);
    case "binary":
      return base64Of(cached);
  }
}

/** Whether two decimals are the same number, however many zeros they are written with. */
export function isSameDecimal(one: string, other: string): boolean {
  return plainDecimal(one) === plainDecimal(other);
}

/** What JSON.stringify makes of a value whose BSON type has no other name here; some types leave only {}. */
export function leanFormOf(scalar: BsonScalar): JsonValue {
  const extended = JSON.parse(scalar.text) as JsonValue;
  const time = taggedBy("$timestamp", extended);
  if (isJsonObject(time)) {
    return { $timestamp: String((BigInt(Number(time["t"])) << 32n) | BigInt(Number(time["i"]))) };
  }
  const symbol = taggedBy("$symbol", extended);
  if (symbol !== undefined) return symbol;
  if (isJsonObject(extended) && Object.hasOwn(extended, "$code")) {
    const code = extended["$code"] ?? "";
    const scope = extended["$scope"];
    return scope === undefined ? { code } : { code, scope };
  }
  return {};
}

/** The value of an object that has this one field; undefined for anything else. */
export function taggedBy(tag: string, value: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(value) || !Object.hasOwn(value, tag)) return undefined;
  return Object.keys(value).length === 1 ? value[tag] : undefined;
}

function uuidOf(cached: JsonValue): string | undefined {
  const text = taggedBy("$uuid", cached) ?? cached;
  if (typeof text === "string")
    return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
      ? text.toLowerCase()
      : undefined;
  const hex = Buffer.from(base64Of(cached) ?? "", "base64").toString("hex");
  return hex.length === 32
    ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
    : undefined;
}

function longOf(cached: JsonValue): string | undefined {
  if (typeof cached === "number")
    return Number.isSafeInteger(cached) ? String(cached + 0) : undefined;
  const digits = taggedBy("$numberLong", cached) ?? cached;
  if (typeof digits === "string")
    return /^-?\d{1,19}$/.test(digits) ? BigInt(digits).toString() : undefined;
  // What JSON.stringify makes of the driver's Long.
  if (!isJsonObject(cached)) return undefined;
  const { high, low, unsigned } = cached as Readonly<Record<string, JsonValue | undefined>>;
  if (!Number.isInteger(high) || !Number.isInteger(low)) return undefined;
  const bits = (BigInt(Number(high)) << 32n) | BigInt(Number(low) >>> 0);
  return (unsigned === true ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits)).toString();
}

function base64Of(cached: JsonValue): string | undefined {
  if (typeof cached === "string") {
    const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(
      cached,
    );
    return isBase64 ? cached : undefined;
  }
  const binary = taggedBy("$binary", cached);
  if (isJsonObject(binary) && binary["base64"] !== undefined) return base64Of(binary["base64"]);
  // What JSON.stringify makes of a Buffer.
  if (!isJsonObject(cached) || cached["type"] !== "Buffer") return undefined;
  const { data } = cached as { readonly data?: JsonValue };
  return Array.isArray(data) ? Buffer.from(data as number[]).toString("base64") : undefined;
}

/** Sign, digits without zeros at either end, and exponent; undefined for what is no number. */
function plainDecimal(text: string): string | undefined {
  if (/^(?:NaN|[+-]?Infinity)$/i.test(text)) return text.replace("+", "").toLowerCase();
  const match = /^([+-]?)(\d*)\.?(\d*)(?:E([+-]?\d+))?$/i.exec(text);
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match ?? [];
  if (whole + fraction === "") return undefined;
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const shift = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign === "-" ? "-" : ""}${significant}e${shift}`;
}
