import { describe, expect, it } from "@jest/globals";
import { encodeMeta } from "../../../../../src/cache/drivers/redis/meta-codec.ts";
import { decodeObservation } from "../../../../../src/cache/drivers/redis/observation.ts";
import { contentHash } from "../../../../../src/model/content-hash.ts";
import { FIRST_EPOCH, formatVersion } from "../../../../../src/model/version.ts";

const NOW_MS = Date.UTC(2026, 0, 1);

/** What the script answers for a key of which there is nothing, but for the places given. */
function rowOf(wanted: {
  value?: Buffer;
  type?: Buffer;
  meta?: Buffer;
  marker?: Buffer;
  pttl?: number;
  metaPttl?: number;
}): unknown[] {
  const {
    value = null,
    type = null,
    meta = null,
    marker = null,
    pttl = -2,
    metaPttl = -2,
  } = wanted;
  return [value, type, meta, marker, pttl, metaPttl];
}

const observe = (wanted: Parameters<typeof rowOf>[0]) =>
  decodeObservation("user:1", NOW_MS, rowOf(wanted));

describe("an observation", () => {
  it("of nothing has nothing, and no TTL", () => {
    expect(observe({})).toEqual({
      key: "user:1",
      value: undefined,
      foreignType: undefined,
      meta: undefined,
      markerSeq: undefined,
      ttlMs: null,
      metaTtlMs: null,
      nowMs: NOW_MS,
    });
  });

  it("tells a TTL of zero from none", () => {
    expect(observe({ pttl: 0, metaPttl: -1 })).toMatchObject({ ttlMs: 0, metaTtlMs: null });
  });

  it("keeps every digit of a marker", () => {
    expect(observe({ marker: Buffer.from("1767225600000123") }).markerSeq).toBe(
      1_767_225_600_000_123,
    );
  });

  it.each([
    ["", true],
    ["\ufeff with a byte order mark", true],
    ["NUL \0 and emoji 😀", true],
  ])("shows the text %j as it is", (text, isText) => {
    const { value } = observe({ value: Buffer.from(text) });

    expect(value).toEqual({ text, isText, hash: contentHash(text) });
  });

  it.each([
    ["a lone byte", [0xff]],
    ["a cut character", [0x61, 0xf0, 0x9f, 0x98]],
    ["an overlong form", [0xc0, 0x80]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
  ])("says of %s that it is no text, and hashes the bytes themselves", (_name, bytes) => {
    const { value } = observe({ value: Buffer.from(bytes) });

    expect(value?.isText).toBe(false);
    expect(value?.hash).toBe(contentHash(Buffer.from(bytes)));
  });

  it("names the type of another program's key and reads the meta beside it", () => {
    const version = formatVersion(FIRST_EPOCH, 1);
    const meta = encodeMeta({ version, shortHash: "", expiresAtMs: null, tombstone: true });

    expect(observe({ type: Buffer.from("list"), meta, pttl: -1, metaPttl: 50 })).toMatchObject({
      value: undefined,
      foreignType: "list",
      meta: { version, tombstone: true, sessionId: null, interactionId: null },
      metaTtlMs: 50,
    });
  });
});
