import { describe, expect, it } from "@jest/globals";
import type { Outcome, RecordedCall } from "../run/recorded-call.ts";
import { checkAnswers } from "./check-answers.ts";
import { checkFinal, lostFromJournal } from "./check-final.ts";
import { checkLinearizable } from "./check-register.ts";
import { checkSurvivors } from "./check-survivors.ts";
import { checkVersions } from "./check-versions.ts";
import { withoutUntold } from "./without-untold.ts";

type Span = readonly [beganMs: number, endedMs: number];

const versionOf = (number: number) => String(number).padStart(24, "0");
/** Of the next epoch. */
const laterVersionOf = (number: number) => `00000001${String(number).padStart(16, "0")}`;

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

function behind(answered: RecordedCall): RecordedCall {
  return { ...answered, outcome: { ...answered.outcome, mayBeBehind: true } as Outcome };
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

describe("the judge of a history in which Redis has lost something", () => {
  const pinned = { mayShowRefused: false, splits: [] };
  const unpinned = { mayShowRefused: true, splits: [] };
  const told = call({ tool: "kv_set", value: "c" }, written(3, "journal"), [31, 32]);
  const deletion = (outcome: Outcome, span: Span) => call({ tool: "kv_delete" }, outcome, span);
  const unknown: Outcome = { kind: "unknown", code: "ECONNRESET" };

  it.each([
    ["a read of an older write", [read("a", 1, [33, 34])]],
    ["a read that finds nothing", [read(null, undefined, [33, 34])]],
    ["an older value without a version", [read("a", undefined, [33, 34])]],
    [
      "a read that finds nothing before the delete came",
      [read(null, undefined, [33, 34]), del(4, [35, 36])],
    ],
    [
      "a read that finds nothing but an older delete",
      [del(1, [5, 11]), read(null, undefined, [33, 34])],
    ],
    [
      "a read of what was older long before it was lost",
      [told, read("c", 3, [33, 34]), read("a", 1, [35, 36])],
    ],
    ["a write below one that was told before", [told, set("d", 3, [33, 34])]],
  ])("is told of %s where Redis has lost something", (_what, after) => {
    expect(checkSurvivors([a, b, ...after], pinned)).toHaveLength(1);
    expect(checkSurvivors([a, b, ...after], unpinned)).toHaveLength(1);
  });

  it.each([
    [
      "what was in the journal alone is gone",
      [told, read("c", 3, [33, 34]), read("b", 2, [35, 36])],
    ],
    ["the read was under way when the write was told", [read("a", 1, [29, 40])]],
    ["the answer says that it may be behind", [behind(read("a", 1, [33, 34]))]],
    ["a delete has survived", [del(3, [31, 32]), read(null, undefined, [33, 34])]],
    ["a delete may have", [deletion(unknown, [31, 32]), read(null, undefined, [33, 34])]],
    ["a delete is under way", [read(null, undefined, [33, 35]), del(3, [34, 36])]],
    [
      "a write is shown of which nobody was told",
      [untold("c", [31, 32]), read("c", 3, [33, 34]), read("b", 2, [35, 36])],
    ],
    [
      "a value without a version may be newer",
      [untold("c", [31, 32]), read("c", undefined, [33, 34])],
    ],
    [
      "a write has come back under a newer version",
      [set("a", 3, [31, 32]), read("a", undefined, [33, 34])],
    ],
  ])("finds nothing wrong where %s", (_when, after) => {
    expect(checkSurvivors([a, b, ...after], pinned)).toEqual([]);
  });

  it("asks of an idempotent write that is carried out anew what it asks of any other", () => {
    const once = { idempotencyKey: "once" };
    const again = [
      call({ tool: "kv_set", value: "c", ...once }, written(3, "journal"), [31, 32]),
      set("c", 4, [33, 34], once),
    ];

    expect(checkSurvivors([a, b, ...again, read("c", 4, [35, 36])], pinned)).toEqual([]);
    expect(checkSurvivors([a, b, ...again, read("b", 2, [35, 36])], pinned)).toHaveLength(1);
  });

  it("takes a delete that was refused for one that may be shown only where nothing is pinned", () => {
    const history = [
      b,
      deletion(refusal("STORE_UNAVAILABLE"), [31, 33]),
      read(null, undefined, [32, 34]),
    ];

    expect(checkSurvivors(history, pinned)).toHaveLength(1);
    expect(checkSurvivors(history, unpinned)).toEqual([]);
  });

  it("lets a process show what an earlier epoch had while another has left it behind, and then no more", () => {
    const splits = [{ fromMs: 25, untilMs: 40 }];
    const later = { ...b, outcome: { ...written(2), version: laterVersionOf(2) } as Outcome };

    expect(checkSurvivors([a, later, read("a", 1, [33, 34])], { ...pinned, splits })).toEqual([]);
    expect(checkSurvivors([a, later, read("a", 1, [41, 42])], { ...pinned, splits })).toHaveLength(
      1,
    );
    expect(checkSurvivors([a, b, read("a", 1, [33, 34])], { ...pinned, splits })).toHaveLength(1);
    expect(checkSurvivors([a, later, set("c", 3, [33, 34])], { ...pinned, splits })).toEqual([]);
    expect(checkSurvivors([a, later, set("c", 3, [41, 42])], { ...pinned, splits })).toHaveLength(
      1,
    );
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
