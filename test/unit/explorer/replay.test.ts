import { describe, expect, it } from "@jest/globals";
import type { ChangeStamp } from "../../../src/store/store-authority-port.ts";
import { explore } from "../../explorer/kernel/explore.ts";
import { MISSED_IN } from "../../explorer/mechanism-table.ts";
import { MECHANISM_NAMES, type Mechanism, rulesWithout } from "../../explorer/mechanisms.ts";
import { type Replayed, replay, type Sabotage } from "../../explorer/replay/replay.ts";
import { SABOTAGES } from "../../explorer/replay/sabotages.ts";
import { replayStoreFirst } from "../../explorer/replay/store-first-replay.ts";
import { modelOf, type Scenario } from "../../explorer/scenarios/scenario.ts";
import { scenarioNamed } from "../../explorer/scenarios/scenarios.ts";
import { type TraceStep, traceSteps } from "../../explorer/trace.ts";

/** The shortest way to what breaks without a mechanism, and where it was found. */
function counterexample(removed: Mechanism): {
  readonly scenario: Scenario;
  readonly steps: readonly TraceStep[];
} {
  const scenario = scenarioNamed(MISSED_IN[removed].scenario);
  const { violation } = explore(modelOf(scenario, rulesWithout(removed)), { statesMax: 120_000 });
  return { scenario, steps: traceSteps(violation!.trace) };
}

function replayWithout(removed: Mechanism, sabotage?: Sabotage): Promise<Replayed> {
  const { scenario, steps } = counterexample(removed);
  return scenario.mode === "store_first"
    ? replayStoreFirst(steps, scenario)
    : replay(steps, scenario, sabotage);
}

/** Redis that loses its state and the purge of rows are explored only. */
const REPLAYED = MECHANISM_NAMES.filter((name) => {
  const { recoveries, purgers } = scenarioNamed(MISSED_IN[name].scenario);
  return recoveries === undefined && purgers === undefined;
});

const SABOTAGED = Object.entries(SABOTAGES) as [Mechanism, Sabotage][];

describe("The production code", () => {
  it.each(REPLAYED)("holds where a protocol without %s breaks", async (removed) => {
    const { problems } = await replayWithout(removed);

    expect(problems).toEqual([]);
  });

  it.each(SABOTAGED)("breaks there when it is robbed of %s, too", async (removed, sabotage) => {
    const { problems } = await replayWithout(removed, sabotage);

    expect(problems).not.toEqual([]);
  });

  it("breaks when it serves copies although another process has written", async () => {
    const { scenario, steps } = counterexample("change_stamp");

    const { problems } = await replayStoreFirst(steps, scenario, (authority) => {
      let first: ChangeStamp;
      return { changeStamp: () => (first ??= authority.changeStamp()) };
    });

    expect(problems).not.toEqual([]);
  });
});
