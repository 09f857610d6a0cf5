import { describe, expect, it } from "@jest/globals";
import { contentHash, SHORT_HASH_HEX, shortHash } from "../../../src/model/content-hash.ts";

describe("contentHash", () => {
  it("is the SHA-256 of the UTF-8 bytes", () => {
    expect(contentHash("abc")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(contentHash("😀")).toBe(contentHash(Buffer.from("😀")));
  });

  it("tells a tombstone from an empty value", () => {
    expect(contentHash(null)).toBe("");
    expect(contentHash("")).toHaveLength(64);
  });
});

describe("shortHash", () => {
  it("is the first half, and nothing for a tombstone", () => {
    const full = contentHash("abc");

    expect(shortHash(full)).toBe(full.slice(0, SHORT_HASH_HEX));
    expect(SHORT_HASH_HEX).toBe(full.length / 2);
    expect(shortHash(contentHash(null))).toBe("");
  });
});
