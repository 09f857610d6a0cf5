import { describe, expect, it } from "@jest/globals";
import { lookCandidates } from "../../../src/jobs/look-candidates.ts";
import { findingsOf, resultOf } from "../../support/check-builders.ts";

const T0 = Date.UTC(2026, 10, 21);
const now = { evictions: 1_204, recoveries: 3 };

describe("what could be looked at next", () => {
  it("is each model that is due, with its latest looks, newest first, and what has happened since", () => {
    const results = [9, 8, 7, 6, 5, 4, 3].map((minutes) =>
      resultOf({
        model: "a",
        atMs: T0 + minutes,
        findings: findingsOf(50, 50 - minutes),
        counters: { evictions: minutes * 100, recoveries: 1 },
      }),
    );

    const [a, b, ...more] = lookCandidates(["a", "b"], results, now);

    expect(a).toMatchObject({ model: "a", prefix: undefined, evictions: 304, recoveries: 2 });
    expect(a?.looks.map(({ consistent }) => consistent)).toEqual([41, 42, 43, 44, 45]);
    expect(b).toEqual({
      model: "b",
      prefix: undefined,
      looks: [],
      evictions: undefined,
      recoveries: 0,
    });
    expect(more).toEqual([]);
  });

  it("takes no account of runs that have found nothing, because they failed or mended", () => {
    const results = [
      resultOf({ model: "a", findings: null, outcome: "failed" }),
      resultOf({ model: "a", atMs: T0 - 1 }),
    ];

    expect(lookCandidates(["a"], results, now)[0]?.looks).toHaveLength(1);
  });

  it("are, of the keys of cache and store, also the prefixes where drift was found, worst first", () => {
    const drifted = (prefixes: Readonly<Record<string, number>>) =>
      findingsOf(100, 90, {
        driftedPrefixes: Object.entries(prefixes).map(([prefix, keys]) => ({ prefix, keys })),
      });
    const results = [
      resultOf({ model: "kv", atMs: T0 + 3, prefix: "user:", findings: findingsOf(50, 49) }),
      resultOf({ model: "kv", atMs: T0 + 2, findings: drifted({ "user:": 2, "cart:": 5 }) }),
      resultOf({ model: "kv", atMs: T0 + 1, findings: drifted({ "user:": 4, "a:": 1, "b:": 1 }) }),
    ];

    const candidates = lookCandidates(["kv"], results, now);

    expect(candidates.map(({ prefix }) => prefix)).toEqual(["user:", "cart:", "a:", undefined]);
    const [user, cart, , whole] = candidates;
    expect(user?.looks.map(({ atMs, checked }) => [atMs - T0, checked])).toEqual([
      [3, 50],
      [2, 0],
      [1, 0],
    ]);
    expect(cart?.looks.map(({ atMs, drifted: found }) => [atMs - T0, found])).toEqual([
      [2, true],
      [1, false],
    ]);
    expect(whole?.looks.map(({ atMs, checked }) => [atMs - T0, checked])).toEqual([
      [2, 100],
      [1, 100],
    ]);
  });
});
