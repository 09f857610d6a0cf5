import { describe, expect, it } from "@jest/globals";
import { judge, type TriedWrite } from "../../bench/peers/judge.ts";

describe("judge", () => {
  it("finds nothing where both copies have the last write, or the cache has none", () => {
    const writes = [set("a", 1, 2), set("b", 3, 4)];

    expect(judge(writes, [{ key: "k", cached: "b", stored: "b" }])).toEqual(faults({}));
    expect(judge(writes, [{ key: "k", cached: undefined, stored: "b" }])).toEqual(faults({}));
  });

  it("calls a write lost when neither copy has it or anything later", () => {
    const writes = [set("a", 1, 2), set("b", 3, 4)];

    expect(judge(writes, [{ key: "k", cached: undefined, stored: "a" }])).toEqual(
      faults({ lost: 1 }),
    );
    expect(judge(writes, [{ key: "k", cached: "a", stored: undefined }])).toEqual(
      faults({ lost: 1 }),
    );
  });

  it("calls a key stale when the cache shows what the store does not, whichever is behind", () => {
    const writes = [set("a", 1, 2), set("b", 3, 4)];

    for (const [cached, stored] of [
      ["a", "b"],
      ["b", "a"],
      ["b", undefined],
    ] as const) {
      expect(judge(writes, [{ key: "k", cached, stored }])).toEqual(faults({ stale: 1 }));
    }
  });

  it("calls a key resurrected when a copy shows what was there before its last delete", () => {
    const writes = [set("a", 1, 2), deletion("b", 3, 4)];

    expect(judge(writes, [{ key: "k", cached: "a", stored: undefined }])).toEqual(
      faults({ resurrected: 1 }),
    );
    expect(judge(writes, [{ key: "k", cached: undefined, stored: "a" }])).toEqual(
      faults({ resurrected: 1 }),
    );
  });

  it("lets a write that nobody was told of stand or not", () => {
    const writes = [set("a", 1, 2), set("b", 3, undefined), deletion("c", 3, undefined)];

    for (const id of ["a", "b", undefined]) {
      const { lost, stale, resurrected } = judge(writes, [{ key: "k", cached: id, stored: id }]);
      expect({ id, lost, stale, resurrected }).toEqual({ id, lost: 0, stale: 0, resurrected: 0 });
    }
  });

  it("accepts either of two writes that overlapped", () => {
    const writes = [set("a", 1, 4), set("b", 2, 3)];

    expect(judge(writes, [{ key: "k", cached: "a", stored: "a" }])).toEqual(faults({}));
    expect(judge(writes, [{ key: "k", cached: "b", stored: "b" }])).toEqual(faults({}));
  });
});

function set(id: string, beganMs: number, endedMs: number | undefined): TriedWrite {
  return { id, op: "set", key: "k", beganMs, endedMs };
}

function deletion(id: string, beganMs: number, endedMs: number | undefined): TriedWrite {
  return { id, op: "delete", key: "k", beganMs, endedMs };
}

function faults(counts: object) {
  return { acknowledged: 2, lost: 0, stale: 0, resurrected: 0, ...counts };
}
