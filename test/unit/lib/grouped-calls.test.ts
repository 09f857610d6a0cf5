import { describe, expect, it } from "@jest/globals";
import { GroupedCalls } from "../../../src/lib/grouped-calls.ts";
import { deferred } from "../../support/steer.ts";

/** Calls to another side that answers, in any order, when the test lets it. */
function openCalls({ callsMax = 1, itemsMax = 3 } = {}) {
  const made: (readonly string[])[] = [];
  const gates: ReturnType<typeof deferred<void>>[] = [];
  const calls = new GroupedCalls<string, string>({
    callsMax,
    itemsMax,
    call: async (items) => {
      made.push([...items]);
      const gate = deferred();
      gates.push(gate);
      await gate.promise;
      return items.join("+");
    },
  });
  const turn = () => new Promise(setImmediate);
  const answer = async (at: number) => {
    await turn();
    gates[at]?.resolve();
    await turn();
  };
  return { calls, made, gates, answer, turn };
}

describe("GroupedCalls", () => {
  it("calls at once where nothing is under way", async () => {
    const { calls, made, answer } = openCalls();

    const got = calls.with("a");
    await answer(0);

    expect(await got).toBe("a");
    expect(made).toEqual([["a"]]);
  });

  it("calls together for what came meanwhile, so many at most, and never for what came too late", async () => {
    const { calls, made, answer, turn } = openCalls();
    const early = calls.with("a");
    await turn();

    const late = ["a", "b", "c", "d"].map((item) => calls.with(item));
    await answer(0);
    await answer(1);
    await answer(2);

    expect(made).toEqual([["a"], ["a", "b", "c"], ["d"]]);
    expect(await early).toBe("a");
    expect(await Promise.all(late)).toEqual(["a+b+c", "a+b+c", "a+b+c", "d"]);
  });

  it("has so many calls under way, and the end of any makes room", async () => {
    const { calls, made, answer, turn } = openCalls({ callsMax: 2 });
    const got = ["a", "b", "c"].map((item) => calls.with(item));
    await turn();
    const before = made.length;

    await answer(1);

    expect([before, made.length]).toEqual([2, 3]);
    await answer(0);
    await answer(2);
    expect(await Promise.all(got)).toEqual(["a", "b", "c"]);
  });

  it("fails those who shared a call that failed, and goes on with the next", async () => {
    const { calls, answer, gates, turn } = openCalls();
    const failing = calls.with("a");
    await turn();
    const next = calls.with("b");

    gates[0]?.reject(new Error("down"));
    const failed = await Promise.allSettled([failing]);
    await answer(1);

    expect(failed).toMatchObject([{ status: "rejected", reason: { message: "down" } }]);
    expect(await next).toBe("b");
  });
});
