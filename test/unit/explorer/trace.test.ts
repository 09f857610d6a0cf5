import { describe, expect, it } from "@jest/globals";
import { explore, follow } from "../../explorer/kernel/explore.ts";
import { ALL_RULES, rulesWithout } from "../../explorer/mechanisms.ts";
import { modelOf } from "../../explorer/scenarios/scenario.ts";
import { scenarioNamed } from "../../explorer/scenarios/scenarios.ts";
import { stepName, traceSteps, walk } from "../../explorer/trace.ts";
import { seeded } from "../../support/seeded-random.ts";

describe("A trace", () => {
  it("names who does what, and leads through the model again", () => {
    const model = modelOf(scenarioNamed("pinned"), rulesWithout("pinning"));
    const { violation } = explore(model, { statesMax: 1000 });

    const steps = traceSteps(violation!.trace);

    expect(steps).toEqual([
      { who: "set a", does: "mint" },
      { who: "set a", does: "upsert times out" },
      { who: "environment", does: "evict value" },
    ]);
    expect(follow(model, steps.map(stepName))).toEqual(violation!.world);
  });

  it(
    "can be a walk by chance, which nothing breaks",
    seeded((random) => {
      const model = modelOf(scenarioNamed("recovery"), ALL_RULES, "large");

      const { steps, world } = walk(model, random, 500);

      expect(steps.length).toBeGreaterThan(5);
      expect(model.brokenIn(world)).toBeUndefined();
      expect(follow(model, steps.map(stepName))).toEqual(world);
    }),
  );
});
