import { describe, expect, it } from "@jest/globals";
import type { Outcome, RecordedCall } from "../run/recorded-call.ts";
import { checkAnswers } from "./check-answers.ts";
import { checkFinal, lostFromJournal } from "./check-final.ts";
import { checkLinearizable } from "./check-register.ts";
import { checkVersions } from "./check-versions.ts";
import { withoutUntold } from "./without-untold.ts";

type Span = readonly [beganMs: number, endedMs: number];

const versionOf = (number: number) => String(number).padStart(24, "0");

function call(
  request: RecordedCall["request"],
  outcome: Outcome,
  [beganMs, endedMs]: Span,
): RecordedCall {
  return {
    id: beganMs,
    client: 0,
    server: "server-0",
    key: "k",
    request,
    outcome,
    beganMs,
    endedMs,
  };
}

function set(value: string, version: number, span: Span, terms = {}): RecordedCall {
  return call({ tool: "kv_set", value, ...terms }, written(version), span);
}

function del(version: number, span: Span): RecordedCall {
  return call({ tool: "kv_delete" }, written(version), span);
}

function untold(value: string, span: Span, terms = {}): RecordedCall {
  return call({ tool: "kv_set", value, ...terms }, { kind: "unknown", code: "ECONNRESET" }, span);
}

function failing(span: Span): RecordedCall {
  return call({ tool: "kv_set", value: "c" }, refusal("STORE_UNAVAILABLE"), span);
}

function read(value: string | null, version: number | undefined, span: Span, terms = {}) {
  const told = version === undefined ? null : versionOf(version);
  return call(
    { tool: "kv_get", ...terms },
    { kind: "read", value, version: told, source: "cache", mayBeBehind: false },
    span,
  );
}

function written(version: number, durable: "shadow" | "journal" = "shadow"): Outcome {
  return { kind: "written", version: versionOf(version), durable };
}

const refusal = (code: string): Outcome => ({ kind: "refused", code });
const strict = { redisKeepsData: true, mayShowRefused: false };
const row = (value: string | null, version: number) =>
  new Map([["k", { value, version: versionOf(version) }]]);

const a = set("a", 1, [0, 10]);
const b = set("b", 2, [20, 30]);

describe("the judge of a history", () => {
  it("finds nothing wrong where each read shows the newest write, or one under way", () => {
    const history = [
      read(null, undefined, [0, 5]),
      a,
      untold("lost", [11, 12]),
      b,
      read("a", 1, [12, 22]),
      read("b", 2, [31, 32], { minVersion: versionOf(2) }),
      untold("landed", [33, 34]),
      read("landed", 3, [40, 41]),
      set("over", 4, [42, 43], { ifVersion: versionOf(3) }),
      call({ tool: "kv_set", value: "x", ifAbsent: true }, refusal("VERSION_CONFLICT"), [44, 45]),
      del(5, [46, 47]),
      read(null, undefined, [48, 49]),
      set("anew", 6, [50, 51], { ifAbsent: true }),
    ];

    expect(checkAnswers(history, strict)).toEqual([]);
    expect(checkVersions(history)).toEqual([]);
    expect(checkLinearizable(history)).toEqual([]);
    expect(checkFinal(history, row("anew", 6), strict)).toEqual([]);
  });

  it.each([
    ["a read of an older write", read("a", 1, [31, 32])],
    ["a read that finds nothing", read(null, undefined, [31, 32])],
    ["a value under another's version", read("b", 1, [31, 32])],
    ["a value without a version", read("b", undefined, [31, 32])],
    ["a version that goes back", set("c", 0, [31, 32])],
    ["a version that was given twice", set("c", 2, [31, 32])],
    [
      "a write over another version than it asked for",
      set("c", 3, [31, 32], { ifVersion: versionOf(1) }),
    ],
    ["a write over something that asked for nothing", set("c", 3, [31, 32], { ifAbsent: true })],
  ])("is told by versions of %s", (_what, wrong) => {
    expect(checkVersions([a, b, wrong])).not.toEqual([]);
  });

  it.each([
    ["a read of an older write", read("a", 1, [31, 32])],
    ["a read that finds nothing", read(null, undefined, [31, 32])],
    [
      "a write over another value than it asked for",
      set("c", 3, [31, 32], { ifVersion: versionOf(1) }),
    ],
    [
      "a conflict where nothing had changed",
      call(
        { tool: "kv_set", value: "c", ifVersion: versionOf(2) },
        refusal("VERSION_CONFLICT"),
        [31, 32],
      ),
    ],
  ])("is told by values of %s", (_what, wrong) => {
    expect(checkLinearizable([a, b, wrong])).not.toEqual([]);
  });

  it("is told of a write without an answer that is seen, and then was not", () => {
    const history = [a, untold("c", [11, 12]), read("c", 2, [13, 14]), read("a", 1, [15, 16])];

    expect(checkVersions(history)).toHaveLength(1);
    expect(checkLinearizable(history)).toHaveLength(1);
  });

  it.each([
    ["an error that means a bug", call({ tool: "kv_get" }, refusal("INTERNAL"), [31, 32])],
    ["a value that nobody wrote", read("z", 9, [31, 32])],
    ["a read of the future", read("b", 2, [12, 13])],
    ["a read below its minVersion", read("a", 1, [31, 32], { minVersion: versionOf(2) })],
    [
      "nothing found above a minVersion",
      read(null, undefined, [31, 32], { minVersion: versionOf(2) }),
    ],
  ])("is told of %s", (_what, wrong) => {
    expect(checkAnswers([a, b, wrong], strict)).not.toEqual([]);
  });

  it("is told of a value that was refused and is read", () => {
    const history = [
      call({ tool: "kv_set", value: "c" }, refusal("CACHE_UNAVAILABLE"), [0, 1]),
      read("c", 1, [2, 3]),
    ];

    expect(checkAnswers(history, strict)).toHaveLength(1);
    expect(checkAnswers(history, { ...strict, mayShowRefused: true })).toEqual([]);
  });

  it.each<[string, RecordedCall, Span, boolean]>([
    ["while one stood that was then taken back", failing([40, 45]), [44, 46], false],
    ["after one of which nobody knows", untold("c", [40, 45]), [50, 51], false],
    ["once the one that was taken back was gone", failing([40, 45]), [46, 47], true],
    ["before it came", failing([40, 45]), [38, 39], true],
  ])(
    "judges a condition that was refused %s as the limits of G4 say",
    (_when, write, span, isJudged) => {
      const request = { tool: "kv_set", value: "d", ifVersion: versionOf(2) } as const;
      const conflict = call(request, refusal("VERSION_CONFLICT"), span);

      const judged = withoutUntold([a, b, write, conflict]);

      expect(judged.includes(conflict)).toBe(isJudged);
      expect(checkLinearizable(judged).length > 0).toBe(isJudged);
    },
  );

  it("takes the repetitions of a write for one write, which began with the first", () => {
    const once = { idempotencyKey: "once" };
    const history = [
      untold("c", [0, 1], once),
      read("c", 1, [2, 3]),
      set("c", 1, [4, 5], once),
      set("c", 1, [6, 7], once),
      read("c", 1, [8, 9]),
    ];

    expect(checkAnswers(history, strict)).toEqual([]);
    expect(checkVersions(history)).toEqual([]);
    expect(checkLinearizable(history)).toEqual([]);
  });

  it("is told of a repetition that was written again or taken for another write", () => {
    const once = { idempotencyKey: "once" };
    const again = [set("c", 1, [0, 1], once), set("c", 2, [2, 3], once)];
    const reused = [
      set("c", 1, [0, 1], once),
      call({ tool: "kv_set", value: "c", ...once }, refusal("IDEMPOTENCY_KEY_REUSED"), [2, 3]),
    ];

    expect(checkAnswers(again, strict)).toHaveLength(1);
    expect(checkAnswers(reused, strict)).toHaveLength(1);
  });
});

describe("the judge of what is left at the end", () => {
  const told = call({ tool: "kv_set", value: "c" }, written(3, "journal"), [31, 32]);

  it.each([
    ["no row", new Map()],
    ["an older row", row("a", 1)],
    ["another value under the version", row("x", 2)],
    ["a newer row that nobody wrote", row("x", 3)],
  ])("is told that an acknowledged write is lost by %s", (_what, rows) => {
    expect(checkFinal([a, b], rows, { redisKeepsData: false })).toHaveLength(1);
  });

  it("takes a newer write of which nobody was told how it ended", () => {
    expect(checkFinal([a, b, untold("c", [31, 32])], row("c", 3), strict)).toEqual([]);
  });

  it("lets a write go that was in the journal alone, where Redis lost it", () => {
    expect(checkFinal([a, b, told], row("b", 2), { redisKeepsData: false })).toEqual([]);
    expect(checkFinal([a, b, told], row("b", 2), { redisKeepsData: true })).toHaveLength(1);
    expect(lostFromJournal([a, b, told], row("b", 2))).toEqual([told]);
    expect(lostFromJournal([a, b, told], row("c", 3))).toEqual([]);
    expect(lostFromJournal([a, b, told, set("d", 4, [41, 42])], row("d", 4))).toEqual([]);
  });

  it("is told of a refused write that stands", () => {
    const refused = call({ tool: "kv_set", value: "c" }, refusal("CACHE_UNAVAILABLE"), [31, 32]);

    expect(checkFinal([a, b, refused], row("c", 3), strict)).toHaveLength(1);
  });
});
