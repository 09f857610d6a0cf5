import { describe, expect, it } from "@jest/globals";
import { markOf, RECORDS_MAX, recall, remember, upTo } from "../../../src/model/idempotency.ts";
import { deleteOf, ifAbsent, ifVersion, setOf } from "../../contract/commands.ts";
import { recordNo, versionNo } from "../../contract/entries.ts";

describe("an idempotency mark", () => {
  it("is the same whoever writes, and another for another value, TTL, condition or kind of write", () => {
    const mark = markOf("id", setOf());
    const others = [
      setOf({ value: "other" }),
      setOf({ ttlMs: 1000 }),
      deleteOf(),
      ifAbsent(setOf()),
      ifVersion(versionNo(1), setOf()),
      ifVersion(versionNo(2), setOf()),
    ].map((command) => markOf("id", command));

    expect(markOf("id", setOf({ sessionId: "s", interactionId: "i" }))).toEqual(mark);
    expect(new Set([mark, ...others].map(({ argumentsHash }) => argumentsHash)).size).toBe(7);
    expect(new Set([mark, ...others].map(({ keyHash }) => keyHash)).size).toBe(1);
  });

  it("has 32 hex digits on each side, whatever the idempotency key", () => {
    for (const id of ["", "a", "é".repeat(128), "#|\0"]) {
      const { keyHash, argumentsHash } = markOf(id, setOf());

      expect([keyHash, argumentsHash]).toEqual(
        Array(2).fill(expect.stringMatching(/^[\da-f]{32}$/)),
      );
    }
  });
});

describe("the records of a key", () => {
  const mark = markOf("id", setOf());

  it("know a mark again, and one with other arguments", () => {
    const records = remember([recordNo(1)], mark, versionNo(2));

    expect(recall(records, mark)).toEqual({ ...mark, version: versionNo(2) });
    expect(recall(records, markOf("id", deleteOf()))).toBe("other");
    expect(recall(records, markOf("another", setOf()))).toBeUndefined();
  });

  it(`are the last ${RECORDS_MAX}, the oldest first`, () => {
    const known = [1, 2, 3, 4].map(recordNo);

    expect(remember(known, mark, versionNo(5))).toEqual([
      ...known.slice(1),
      { ...mark, version: versionNo(5) },
    ]);
  });

  it("go back to what an earlier write had", () => {
    expect(upTo([1, 2, 3].map(recordNo), versionNo(2))).toEqual([1, 2].map(recordNo));
  });
});
