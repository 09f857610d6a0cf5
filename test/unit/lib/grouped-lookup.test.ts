import { describe, expect, it } from "@jest/globals";
import { GroupedLookup } from "../../../src/lib/grouped-lookup.ts";
import { deferred } from "../../support/steer.ts";

/** A lookup at another side that answers, in any order, when the test lets it. */
function openLookup({ questionsMax = 1, keysMax = 3 } = {}) {
  const asked: (readonly string[])[] = [];
  const gates: ReturnType<typeof deferred<void>>[] = [];
  const lookup = new GroupedLookup<string>({
    questionsMax,
    keysMax,
    ask: async (keys) => {
      asked.push(keys);
      const gate = deferred();
      gates.push(gate);
      await gate.promise;
      return new Map(keys.filter((key) => key !== "absent").map((key) => [key, `${key}!`]));
    },
  });
  const turn = () => new Promise(setImmediate);
  const answer = async (at: number) => {
    await turn();
    gates[at]!.resolve();
    await turn();
  };
  return { lookup, asked, gates, answer, turn };
}

describe("GroupedLookup", () => {
  it("asks at once where nothing is under way", async () => {
    const { lookup, asked, answer } = openLookup();

    const got = lookup.get("a");
    await answer(0);

    expect(await got).toBe("a!");
    expect(asked).toEqual([["a"]]);
  });

  it("asks together for what was asked for meanwhile, each key once, so many at most", async () => {
    const { lookup, asked, answer } = openLookup();

    const got = ["a", "b", "absent", "b", "c", "d"].map((key) => lookup.get(key));
    await answer(0);
    await answer(1);
    await answer(2);

    expect(asked).toEqual([["a"], ["b", "absent", "c"], ["d"]]);
    expect(await Promise.all(got)).toEqual(["a!", "b!", undefined, "b!", "c!", "d!"]);
  });

  it("never gives an answer to a question that was sent before the call", async () => {
    const { lookup, asked, answer, turn } = openLookup();
    const early = lookup.get("a");
    await turn();

    const late = lookup.get("a");
    await answer(0);
    await answer(1);

    expect(asked).toEqual([["a"], ["a"]]);
    expect(await Promise.all([early, late])).toEqual(["a!", "a!"]);
  });

  it("has so many questions under way, and the end of any makes room", async () => {
    const { lookup, asked, answer, turn } = openLookup({ questionsMax: 2 });
    const got = ["a", "b", "c"].map((key) => lookup.get(key));
    await turn();
    const before = asked.length;

    await answer(1);

    expect([before, asked.length]).toEqual([2, 3]);
    await answer(0);
    await answer(2);
    expect(await Promise.all(got)).toEqual(["a!", "b!", "c!"]);
  });

  it("fails those who shared a question that failed, and goes on with the next", async () => {
    const { lookup, answer, gates, turn } = openLookup();
    const failing = [lookup.get("a")];
    await turn();
    const next = lookup.get("b");

    gates[0]!.reject(new Error("down"));
    const failed = await Promise.allSettled(failing);
    await answer(1);

    expect(failed).toMatchObject([{ status: "rejected", reason: { message: "down" } }]);
    expect(await next).toBe("b!");
  });
});
