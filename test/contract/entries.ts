import { contentHash, SHORT_HASH_HEX } from "../../src/model/content-hash.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { IdempotencyRecord } from "../../src/model/idempotency.ts";
import { FIRST_EPOCH, formatVersion, type Version } from "../../src/model/version.ts";

/** When the entries of these suites were written, unless a test says otherwise. */
export const WRITTEN_MS = Date.UTC(2026, 0, 1, 12);

/** Later numbers are newer versions, one microsecond apart. */
export function versionNo(number: number, epoch = FIRST_EPOCH): Version {
  return formatVersion(epoch, WRITTEN_MS * 1000 + number);
}

/** A version minted at that time. */
export function versionAt(writtenMs: number): Version {
  return formatVersion(FIRST_EPOCH, writtenMs * 1000);
}

/** A live entry that never expires; the hash follows the value. */
export function entryOf(wanted: Partial<Omit<Entry, "hash">> = {}): Entry {
  const value = wanted.value === undefined ? "a value" : wanted.value;
  return {
    key: "user:1",
    version: versionNo(1),
    expiresAtMs: null,
    sessionId: null,
    interactionId: null,
    ...wanted,
    value,
    hash: contentHash(value),
  };
}

export function tombstoneOf(wanted: Partial<Omit<Entry, "hash" | "value">> = {}): Entry {
  return entryOf({ ...wanted, value: null });
}

/** An idempotency key that was used with the version of that number. */
export function recordNo(number: number): IdempotencyRecord {
  const hashOf = (what: string) => contentHash(`${what} ${number}`).slice(0, SHORT_HASH_HEX);
  return {
    keyHash: hashOf("key"),
    argumentsHash: hashOf("arguments"),
    version: versionNo(number),
  };
}

/** Texts that some layer on the way to a disk or a server is known to spoil. */
export const ODD_VALUES: readonly (readonly [name: string, value: string])[] = [
  ["empty text", ""],
  ["quotes and backslashes", `"it's" \\ \`quoted\` \\"twice\\"`],
  ["newlines of every kind", "one\ntwo\r\nthree\rfour\u2028five\u2029"],
  ["NUL in the middle and at both ends", "\0left\0right\0"],
  ["emoji and combining marks", "👩‍👩‍👧 e\u0301 \u{10ffff} \ufffd"],
  ["a byte order mark in front", "\ufeffvalue"],
  ["an operator of the query language", '{"$set":{"a":1}}'],
  ["a field path", "$lastValue"],
  ["a variable of the query language", "$$ROOT"],
  ["one MiB", "0123456789abcdef".repeat(65_536)],
  ["one MiB of four-byte characters", "😀".repeat(262_144)],
];

export const ODD_KEYS: readonly (readonly [name: string, key: string])[] = [
  ["braces", "{user}:1"],
  ["braces that no hash tag pairs", "a}b{c"],
  ["empty braces", "{}x"],
  ["spaces", " user 1 "],
  ["a newline", "user\n1"],
  ["glob characters", "user:*?[a-z]%_\\"],
  ["pattern characters", "^user.(1|2)+$"],
  ["NUL", "user\0one"],
  ["the reserved word in the middle", "user:lockstep:1"],
  ["a dollar sign in front", "$set"],
  ["dots", "user.name.first"],
  ["quotes", `user'"1`],
  ["emoji", "😀:\u{10ffff}"],
  ["1024 bytes", "k".repeat(1024)],
  ["1024 bytes of four-byte characters", "😀".repeat(256)],
  ["the name of a built-in property", "__proto__"],
];

/** The order in which stores keep keys; JavaScript's own differs above U+FFFF. */
export function inByteOrder(keys: readonly string[]): readonly string[] {
  return keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}
