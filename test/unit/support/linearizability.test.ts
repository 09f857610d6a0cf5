import { describe, expect, it } from "@jest/globals";
import {
  checkRegister,
  type RegisterOperation,
  type RegisterRead,
  type RegisterRefusal,
  type RegisterWrite,
} from "../../support/lockstep/linearizability.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";

type Span = readonly [beganMs: number, endedMs: number];

function write(value: string | null, [beganMs, endedMs]: Span, requires?: string | null) {
  return { op: "write", key: "k", value, beganMs, endedMs, requires } satisfies RegisterWrite;
}

/** Nobody was told how it ended. */
function untold(value: string | null, beganMs: number, requires?: string | null): RegisterWrite {
  return { op: "write", key: "k", value, beganMs, endedMs: undefined, requires };
}

function read(value: string | null, [beganMs, endedMs]: Span): RegisterRead {
  return { op: "read", key: "k", value, beganMs, endedMs };
}

function refusal(requires: string | null, [beganMs, endedMs]: Span): RegisterRefusal {
  return { op: "refusal", key: "k", requires, beganMs, endedMs };
}

describe("one register per key", () => {
  it.each<[string, RegisterOperation[]]>([
    ["nothing", []],
    ["reads of what stands", [write("a", [0, 1]), read("a", [2, 3]), read("a", [2, 9])]],
    [
      "a read of either side of a write that goes on",
      [write("a", [0, 1]), write("b", [2, 9]), read("a", [3, 4]), read("b", [5, 6])],
    ],
    [
      "writes at one time in the order that the reads want",
      [write("a", [0, 9]), write("b", [0, 9]), read("b", [3, 4]), read("a", [5, 6])],
    ],
    ["what ends as another begins, in either order", [write("a", [0, 5]), read(null, [5, 6])]],
    [
      "a delete, and a write after it",
      [
        write("a", [0, 1]),
        write(null, [2, 3]),
        read(null, [4, 5]),
        write("b", [6, 7]),
        read("b", [8, 9]),
      ],
    ],
    [
      "a write nobody was told of, seen late",
      [write("a", [0, 1]), untold("b", 2), read("a", [10, 11]), read("b", [20, 21])],
    ],
    [
      "a write nobody was told of, never seen",
      [write("a", [0, 1]), untold("b", 2), untold(null, 2), read("a", [10, 11])],
    ],
    [
      "two deletes nobody was told of, both used",
      [
        untold(null, 0),
        untold(null, 0),
        write("a", [1, 2]),
        read(null, [3, 4]),
        write("b", [5, 6]),
        read(null, [7, 8]),
      ],
    ],
    [
      "a chain of writes nobody was told of",
      [untold("a", 0, null), untold("b", 0, "a"), read("b", [5, 6])],
    ],
    [
      "conditions that hold, and a refusal",
      [
        write("a", [0, 1], null),
        refusal(null, [2, 3]),
        write("b", [4, 5], "a"),
        refusal("a", [6, 7]),
        read("b", [8, 9]),
      ],
    ],
    [
      "a refusal that only a write nobody was told of explains",
      [untold("a", 0), refusal(null, [1, 2])],
    ],
  ])("explains %s", (_what, history) => {
    expect(checkRegister(history)).toEqual([]);
  });

  it.each<[string, RegisterOperation[]]>([
    [
      "a read of a value that was overwritten",
      [write("a", [0, 1]), write("b", [2, 3]), read("a", [4, 5])],
    ],
    ["a read that misses a write", [write("a", [0, 1]), read(null, [2, 3])]],
    ["a read of a value that nobody wrote", [write("a", [0, 1]), read("x", [2, 3])]],
    ["a read before the write began", [read("a", [0, 1]), write("a", [2, 3])]],
    [
      "a value that comes back from a delete",
      [write("a", [0, 1]), write(null, [2, 3]), read(null, [4, 5]), read("a", [6, 7])],
    ],
    [
      "a value that goes back behind another read",
      [write("a", [0, 1]), write("b", [2, 9]), read("b", [3, 4]), read("a", [5, 6])],
    ],
    [
      "two readers who disagree about the order",
      [
        write("a", [0, 9]),
        write("b", [0, 9]),
        read("a", [1, 2]),
        read("b", [3, 4]),
        read("a", [5, 6]),
      ],
    ],
    [
      "a lost write between two that were seen",
      [write("a", [0, 1]), write("b", [2, 3]), read("a", [2, 9]), read("a", [4, 9])],
    ],
    [
      "a write nobody was told of that comes and goes",
      [write("a", [0, 1]), untold("b", 2), read("b", [3, 4]), read("a", [5, 6])],
    ],
    [
      "one delete nobody was told of, used twice",
      [
        untold(null, 0),
        write("a", [1, 2]),
        read(null, [3, 4]),
        write("b", [5, 6]),
        read(null, [7, 8]),
      ],
    ],
    ["a write nobody was told of, seen before it began", [read("a", [0, 1]), untold("a", 2)]],
    [
      "two writes that both replaced the same value",
      [write("a", [0, 1]), write("b", [2, 9], "a"), write("c", [2, 9], "a")],
    ],
    ["two first writes", [write("a", [0, 9], null), write("b", [0, 9], null)]],
    ["a refusal of what stood there all the time", [write("a", [0, 1]), refusal("a", [2, 3])]],
    ["a refusal for a key that was empty", [refusal(null, [2, 3])]],
  ])("refuses %s", (_what, history) => {
    expect(checkRegister(history)).toEqual([expect.stringContaining("k: no order")]);
  });

  it("judges each key by itself, from what it held before", () => {
    const ofKey = (key: string, operation: RegisterOperation) => ({ ...operation, key });
    const history = [
      ofKey("one", read("old", [0, 1])),
      ofKey("two", write("a", [2, 3])),
      ofKey("three", read("old", [0, 1])),
    ];

    const violations = checkRegister(history, { initial: new Map([["one", "old"]]) });

    expect(violations).toEqual([expect.stringMatching(/^three: /)]);
  });

  it("will not judge where a value tells nothing", () => {
    expect(() => checkRegister([write("a", [0, 1]), write("a", [2, 3])])).toThrow(TypeError);
    expect(() => checkRegister([write("a", [0, 1])], { stepsMax: 0 })).toThrow("steps");
  });

  it(
    "explains every history of a real register, and refuses one in which a read went wrong",
    seeded((random) => {
      for (let run = 0; run < 20; run += 1) {
        const history = registerHistory(random, 100);
        expect(checkRegister(history)).toEqual([]);
        expect(checkRegister(withStaleRead(history))).toHaveLength(1);
      }
    }),
  );

  it(
    "answers as trying every order does",
    seeded((random) => {
      const answers = Array.from({ length: 400 }, () => {
        const history = smallHistory(random);
        const isExplained = checkRegister(history).length === 0;
        expect({ history, isExplained }).toEqual({ history, isExplained: hasOrder(history, null) });
        return isExplained;
      });
      expect(new Set(answers).size).toBe(2);
    }),
  );
});

/** A few operations at random times that saw random things. */
function smallHistory(random: SeededRandom): RegisterOperation[] {
  return Array.from({ length: 6 }, (_, at): RegisterOperation => {
    const beganMs = random.integer(8);
    const span: Span = [beganMs, beganMs + random.integer(5)];
    const seen = random.pick([null, null, "v0", "v1", "v2"]);
    const written = random.integer(4) === 0 ? null : `v${at}`;
    const requires = random.integer(3) === 0 ? seen : undefined;
    if (at > 2 && random.integer(2) === 0) return read(seen, span);
    if (at > 2 && random.integer(4) === 0) return refusal(seen, span);
    return random.integer(3) === 0
      ? untold(written, beganMs, requires)
      : write(written, span, requires);
  });
}

function hasOrder(left: readonly RegisterOperation[], standing: string | null): boolean {
  if (left.every(({ endedMs }) => endedMs === undefined)) return true;
  return left.some((next) => {
    const others = left.filter((operation) => operation !== next);
    if (others.some(({ endedMs = Infinity }) => endedMs < next.beganMs)) return false;
    if (next.op === "read") return next.value === standing && hasOrder(others, standing);
    if (next.op === "refusal") return next.requires !== standing && hasOrder(others, standing);
    const takesEffect = next.requires === undefined || next.requires === standing;
    return takesEffect && hasOrder(others, next.value);
  });
}

/** Each operation takes effect at one moment between its ends; some writers are not told, and some of those do nothing. */
function registerHistory(random: SeededRandom, operations: number): RegisterOperation[] {
  const plans = Array.from({ length: operations }, (_, at) => {
    const effectMs = at * 10;
    const beganMs = effectMs - random.integer(40);
    const endedMs = effectMs + random.integer(40);
    return { beganMs, endedMs, dice: random.integer(20), value: `v${at}` };
  });
  let standing: string | null = null;
  return plans.map(({ beganMs, endedMs, dice, value }): RegisterOperation => {
    if (dice < 8) return read(standing, [beganMs, endedMs]);
    if (dice < 11) {
      const requires = dice === 8 ? null : random.pick([standing, "something else"]);
      if (requires !== standing) return refusal(requires, [beganMs, endedMs]);
      standing = value;
      return write(value, [beganMs, endedMs], requires);
    }
    const written = dice < 14 ? null : value;
    if (dice === 19) return untold(`${value}, never`, beganMs);
    standing = written;
    return dice === 18 || dice === 13
      ? untold(written, beganMs)
      : write(written, [beganMs, endedMs]);
  });
}

/** After everything a value is read that a told write has replaced before, with somebody having seen it. */
function withStaleRead(history: readonly RegisterOperation[]): RegisterOperation[] {
  const last = write("last", [10_000, 10_001]);
  return [
    ...history,
    write("first", [9000, 9001]),
    last,
    read("last", [10_002, 10_003]),
    read("first", [10_004, 10_005]),
  ];
}
