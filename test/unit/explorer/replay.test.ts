import { describe, expect, it } from "@jest/globals";
import type { ChangeStamp } from "../../../src/store/store-authority-port.ts";
import { explore } from "../../explorer/kernel/explore.ts";
import { MISSED_IN } from "../../explorer/mechanism-table.ts";
import { MECHANISM_NAMES, type Mechanism, rulesWithout } from "../../explorer/mechanisms.ts";
import { LOSS_SABOTAGES } from "../../explorer/replay/loss-sabotages.ts";
import { PURGE_SABOTAGES } from "../../explorer/replay/purge-sabotages.ts";
import { type Replayed, replay, type Sabotage } from "../../explorer/replay/replay.ts";
import { SABOTAGES } from "../../explorer/replay/sabotages.ts";
import { replayStoreFirst } from "../../explorer/replay/store-first-replay.ts";
import { modelOf, type Scenario } from "../../explorer/scenarios/scenario.ts";
import { scenarioNamed } from "../../explorer/scenarios/scenarios.ts";
import { type TraceStep, traceSteps } from "../../explorer/trace.ts";

interface Counterexample {
  readonly scenario: Scenario;
  readonly steps: readonly TraceStep[];
}

const counterexamples = new Map<Mechanism, Counterexample>();

/** The shortest way to what breaks without a mechanism, and where it was found. */
function counterexample(removed: Mechanism): Counterexample {
  const known = counterexamples.get(removed);
  if (known !== undefined) return known;
  const scenario = scenarioNamed(MISSED_IN[removed].scenario);
  const { violation } = explore(modelOf(scenario, rulesWithout(removed)), { statesMax: 120_000 });
  const found = { scenario, steps: traceSteps(violation!.trace) };
  counterexamples.set(removed, found);
  return found;
}

function replayWithout(removed: Mechanism, sabotage?: Sabotage): Promise<Replayed> {
  const { scenario, steps } = counterexample(removed);
  return scenario.mode === "store_first"
    ? replayStoreFirst(steps, scenario)
    : replay(steps, scenario, sabotage);
}

const SABOTAGED = Object.entries({
  ...SABOTAGES,
  ...LOSS_SABOTAGES,
  ...PURGE_SABOTAGES,
}) as [Mechanism, Sabotage][];

describe("The production code", () => {
  it.each(MECHANISM_NAMES)("holds where a protocol without %s breaks", async (removed) => {
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
