import { describe, expect, it } from "@jest/globals";
import { explore, follow, NEVER_RESTS } from "../../explorer/kernel/explore.ts";
import type { Model, Nature } from "../../explorer/kernel/model.ts";

const ANY = { statesMax: 1000 };

type Way = readonly [from: string, to: string, nature?: Nature];

/** Rooms with ways between them, beginning at "hall". A step is named after the room that it leads to. */
function rooms(ways: readonly Way[], wrong: Partial<Model<string>> = {}): Model<string> {
  return {
    name: "rooms",
    initial: "hall",
    steps(room, take) {
      for (const [from, to, nature = "program"] of ways) if (from === room) take(to, nature, to);
    },
    identify: (room) => [...Buffer.from(room)],
    brokenIn: () => undefined,
    brokenAtRest: () => undefined,
    ...wrong,
  };
}

const inCellar = (room: string) => (room === "cellar" ? "it is dark" : undefined);

describe("explore", () => {
  it("visits every state once, however many ways lead there", () => {
    const model = rooms([
      ["hall", "kitchen"],
      ["hall", "garden"],
      ["kitchen", "garden"],
      ["garden", "hall"],
      ["garden", "street"],
    ]);

    expect(explore(model, ANY)).toMatchObject({ states: 4, steps: 5, atRest: 1, complete: true });
  });

  it("finds the shortest way to what is broken", () => {
    const ways: Way[] = [
      ["hall", "kitchen"],
      ["kitchen", "pantry"],
      ["pantry", "cellar"],
      ["kitchen", "cellar"],
    ];

    const { violation } = explore(rooms(ways, { brokenIn: inCellar }), ANY);

    expect(violation).toMatchObject({ what: "it is dark", trace: ["kitchen", "cellar"] });
  });

  it("asks what is broken at rest only where no program step is left", () => {
    const ways: Way[] = [
      ["hall", "cellar"],
      ["cellar", "garden"],
      ["garden", "cellar", "chance"],
    ];
    const leaving = rooms(ways, { brokenAtRest: inCellar });
    const staying = rooms(
      [
        ["hall", "cellar"],
        ["cellar", "garden", "chance"],
      ],
      {
        brokenAtRest: inCellar,
      },
    );

    expect(explore(leaving, ANY).violation).toBeUndefined();
    expect(explore(staying, ANY).violation?.trace).toEqual(["cellar"]);
  });

  it("finds a state from which only chance could lead to rest", () => {
    const model = rooms([
      ["hall", "garden"],
      ["hall", "kitchen"],
      ["kitchen", "pantry"],
      ["pantry", "kitchen"],
      ["pantry", "garden", "chance"],
    ]);

    const { violation, complete } = explore(model, ANY);

    expect(violation).toMatchObject({ what: NEVER_RESTS, trace: ["kitchen"], world: "kitchen" });
    expect(complete).toBe(false);
  });

  it("says so when it stops at the limit of states", () => {
    const endless: Model<number> = {
      name: "counting",
      initial: 0,
      steps: (count, take) => take("count", "program", count + 1),
      identify: (count) => [count],
      brokenIn: () => undefined,
      brokenAtRest: () => undefined,
    };

    expect(explore(endless, { statesMax: 100_000 })).toMatchObject({
      states: 100_001,
      complete: false,
      violation: undefined,
    });
  });

  it("refuses to follow a step that is not possible", () => {
    const model = rooms([["hall", "kitchen"]]);

    expect(follow(model, ["kitchen"])).toBe("kitchen");
    expect(() => follow(model, ["garden"])).toThrow('The step "garden" is not possible here.');
  });
});
