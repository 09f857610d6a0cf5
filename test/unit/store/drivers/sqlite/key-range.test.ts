import { describe, expect, it } from "@jest/globals";
import { keysWithin } from "../../../../../src/store/drivers/sqlite/key-range.ts";

describe("keysWithin", () => {
  it("is no bound at all without prefix and start", () => {
    expect(keysWithin("", "")).toEqual({ sql: "TRUE", values: [] });
  });

  it("begins after the start", () => {
    expect(shown("", "b")).toEqual(["key > ?", "62"]);
  });

  it("goes from the prefix to where the next one would begin", () => {
    expect(shown("ab", "")).toEqual(["key >= ? AND key < ?", "6162", "6163"]);
    expect(shown("\u{10ffff}", "")).toEqual(["key >= ? AND key < ?", "f48fbfbf", "f48fbfc0"]);
  });

  it("uses only the higher of two lower bounds", () => {
    expect(shown("b", "a")).toEqual(["key >= ? AND key < ?", "62", "63"]);
    expect(shown("b", "b")).toEqual(["key > ? AND key < ?", "62", "63"]);
    expect(shown("b", "bx")).toEqual(["key > ? AND key < ?", "6278", "63"]);
    expect(shown("b", "c")).toEqual(["key > ? AND key < ?", "63", "63"]);
  });
});

function shown(prefix: string, afterKey: string): string[] {
  const { sql, values } = keysWithin(prefix, afterKey);
  return [sql, ...values.map((bytes) => Buffer.from(bytes).toString("hex"))];
}
