import { describe, expect, it } from "@jest/globals";
import { keyRange, prefixEnd } from "../../../../../src/store/drivers/mongodb/key-range.ts";
import { seeded } from "../../../../support/seeded-random.ts";

describe("prefixEnd", () => {
  it.each([
    ["user:", "user;"],
    ["a\0", "a\u0001"],
    ["\u007f", "\u0080"],
    ["\u{1f600}", "\u{1f601}"],
    ["\uffff", "\u{10000}"],
    ["\ud7ff", "\ue000"],
    ["a\u{10ffff}", "b"],
    ["a\u{10ffff}\u{10ffff}", "b"],
  ])("raises the last character of %j that can be raised", (prefix, end) => {
    expect(prefixEnd(prefix)).toBe(end);
  });

  it.each(["", "\u{10ffff}", "\u{10ffff}\u{10ffff}"])("has no end after %j", (prefix) => {
    expect(prefixEnd(prefix)).toBeUndefined();
  });

  it(
    "parts the texts that begin with a prefix from those that do not, by bytes",
    seeded((random) => {
      const characters = [
        "\0",
        "a",
        "b",
        "\x7f",
        "é",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "😀",
        "\u{10ffff}",
      ];
      const text = (length: number) =>
        Array.from({ length }, () => random.pick(characters)).join("");
      for (let round = 0; round < 2_000; round += 1) {
        const prefix = text(random.integer(4));
        const key = text(random.integer(6));

        const end = prefixEnd(prefix);

        const isInside =
          bytesCompare(key, prefix) >= 0 && (end === undefined || bytesCompare(key, end) < 0);
        expect([prefix, key, isInside]).toEqual([prefix, key, key.startsWith(prefix)]);
      }
    }),
  );
});

describe("keyRange", () => {
  it("matches strings only, whatever is asked for", () => {
    expect(keyRange({})).toEqual({ $gte: "" });
  });

  it("joins prefix and page", () => {
    expect(keyRange({ prefix: "user:", afterKey: "user:1" })).toEqual({
      $gte: "user:",
      $gt: "user:1",
      $lt: "user;",
    });
  });
});

function bytesCompare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
