import { describe, expect, it } from "@jest/globals";
import {
  contradictions,
  finalWrites,
  type ReadOperation,
  type WriteOperation,
} from "../../support/lockstep/history.ts";

type Span = readonly [beganMs: number, endedMs: number];

function write(version: string, value: string | null, [beganMs, endedMs]: Span): WriteOperation {
  return { op: "write", key: "k", version, value, beganMs, endedMs };
}

function read(seen: ReadOperation["seen"], [beganMs, endedMs]: Span): ReadOperation {
  return { op: "read", key: "k", seen, beganMs, endedMs };
}

const first = write("1", "a", [0, 1]);
const second = write("2", "b", [4, 6]);

describe("a history of operations", () => {
  it("is sound where every read sees the newest write, or one that is under way", () => {
    const sound = [
      read(undefined, [0, 1]),
      first,
      read({ version: "1", value: "a" }, [2, 3]),
      second,
      read({ version: "1", value: "a" }, [4, 5]),
      read({ version: "2", value: "b" }, [5, 7]),
      write("3", null, [8, 9]),
      read(undefined, [10, 11]),
    ];

    expect(contradictions(sound)).toEqual([]);
    expect(finalWrites(sound).get("k")?.version).toBe("3");
  });

  it.each([
    ["a read of an older write", read({ version: "1", value: "a" }, [7, 8])],
    ["a read that finds nothing", read(undefined, [7, 8])],
    ["a value that nobody wrote", read({ version: "2", value: "c" }, [7, 8])],
    ["a version that nobody was told", read({ version: null, value: "b" }, [7, 8])],
    ["a read of the future", read({ version: "2", value: "b" }, [2, 3])],
    ["a version that goes back", write("1a", "c", [7, 8])],
    ["a version that was given twice", write("2", "c", [7, 8])],
  ])("is contradicted by %s", (_what, operation) => {
    expect(contradictions([first, second, operation])).not.toEqual([]);
  });

  it("is judged by values where versions may be evicted", () => {
    const unversioned = (value: string) => read({ version: null, value }, [7, 8]);
    const judge = (value: string) =>
      contradictions([first, second, unversioned(value)], { versionsAreEvicted: true });

    expect(judge("b")).toEqual([]);
    expect(judge("a")).toHaveLength(1);
    expect(judge("c")).toHaveLength(1);
  });

  it("is contradicted by a read that goes back behind another read", () => {
    const underWay = write("3", "c", [7, 20]);
    const reads = [
      read({ version: "3", value: "c" }, [8, 9]),
      read({ version: "2", value: "b" }, [10, 11]),
    ];

    expect(contradictions([first, second, underWay, ...reads])).toHaveLength(1);
  });
});
