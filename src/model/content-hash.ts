import { hash } from "node:crypto";

/** Hex SHA-256 of the stored bytes. A tombstone has no bytes and the empty text as its hash. */
export function contentHash(value: string | Uint8Array | null): string {
  return value === null ? "" : hash("sha256", value, "hex");
}

/** How many hex digits of the hash the cache's meta keeps (16 bytes). */
export const SHORT_HASH_HEX = 32;

/** The part of a content hash that the cache keeps beside the value. */
export function shortHash(fullHash: string): string {
  return fullHash.slice(0, SHORT_HASH_HEX);
}
