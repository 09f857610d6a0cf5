import { describe, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { contentHash } from "../../../../../src/model/content-hash.ts";
import type { Entry } from "../../../../../src/model/entry.ts";
import { FIRST_EPOCH, formatVersion } from "../../../../../src/model/version.ts";
import {
  decodeRow,
  encodeRow,
  NO_VERSION,
  type StoredRow,
} from "../../../../../src/store/drivers/mongodb/shadow-row.ts";

const WRITTEN_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

const entry: Entry = {
  key: "user:1",
  version: formatVersion(FIRST_EPOCH, WRITTEN_MS * 1000 + 7),
  value: "value",
  hash: contentHash("value"),
  expiresAtMs: null,
  sessionId: "session",
  interactionId: null,
};
const options = { method: "EVENT_BASED", nowMs: WRITTEN_MS + 5, graceMs: HOUR_MS } as const;

describe("encodeRow", () => {
  it("and decodeRow keep an entry", () => {
    expect(decodeRow(encodeRow(entry, options))).toEqual({
      ...entry,
      syncMethod: "EVENT_BASED",
      syncedAtMs: WRITTEN_MS + 5,
    });
  });

  it("gives a purge time to what is or will be dead, and only to that", () => {
    const expiring = { ...entry, expiresAtMs: WRITTEN_MS + 100 };
    const tombstone = { ...entry, value: null, hash: "" };

    expect(encodeRow(entry, options).purgeAt).toBeNull();
    expect(encodeRow(expiring, options).purgeAt).toEqual(new Date(WRITTEN_MS + 100 + HOUR_MS));
    expect(encodeRow(tombstone, options).purgeAt).toEqual(new Date(WRITTEN_MS + HOUR_MS));
  });
});

describe("decodeRow", () => {
  const row = encodeRow(entry, options);
  const edited = (fields: Record<string, unknown>): StoredRow => ({ ...row, ...fields });

  it.each([
    ["a number", 5, "5"],
    ["a document", { a: [1, "x"] }, '{"a":[1,"x"]}'],
    ["a date", new Date(0), '{"$date":"1970-01-01T00:00:00Z"}'],
    ["a decimal", mongoose.mongo.BSON.Decimal128.fromString("1.50"), '{"$numberDecimal":"1.50"}'],
    ["false", false, "false"],
  ])(
    "shows a value that became %s as its JSON text beside the stored hash",
    (_name, lastValue, text) => {
      const decoded = decodeRow(edited({ lastValue }));

      expect(decoded).toMatchObject({ value: text, hash: entry.hash });
      expect(contentHash(decoded.value)).not.toBe(decoded.hash);
    },
  );

  it("shows a missing hash as one that matches no value", () => {
    expect(decodeRow(edited({ valueHash: undefined }))).toMatchObject({ value: "value", hash: "" });
  });

  it.each([undefined, null, 7, "", "v2", `${entry.version}0`, `${entry.version}\n`, {}])(
    "takes the version %j for the oldest",
    (version) => {
      expect(decodeRow(edited({ version })).version).toBe(NO_VERSION);
    },
  );

  it("takes a live row whose value is gone for one that does not match its hash", () => {
    const edits = [undefined, null].map((lastValue) => decodeRow(edited({ lastValue })));

    expect(edits).toMatchObject(Array(2).fill({ value: "", hash: entry.hash }));
  });

  it("takes a row without value and hash, or marked as deleted, for a tombstone", () => {
    expect(decodeRow(edited({ lastValue: null, valueHash: "" })).value).toBeNull();
    expect(decodeRow(edited({ deleted: true })).value).toBeNull();
  });

  it("takes odd dates and ids for none", () => {
    const odd = { expiresAt: "tomorrow", sessionId: 5, interactionId: {}, metadata: "lost" };

    expect(decodeRow(edited(odd))).toMatchObject({
      expiresAtMs: null,
      sessionId: null,
      interactionId: null,
      syncMethod: "ASYNC_THREAD",
      syncedAtMs: WRITTEN_MS,
    });
    expect(decodeRow(edited({ expiresAt: new Date(Number.NaN) })).expiresAtMs).toBeNull();
  });

  it("makes something of a document with nothing but its key", () => {
    expect(decodeRow({ _id: "user:1" })).toMatchObject({ key: "user:1", value: null, hash: "" });
  });
});
