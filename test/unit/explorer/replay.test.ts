import { describe, expect, it } from "@jest/globals";
import type { ChangeStamp } from "../../../src/store/store-authority-port.ts";
import { explore } from "../../explorer/kernel/explore.ts";
import { MISSED_IN } from "../../explorer/mechanism-table.ts";
import { MECHANISM_NAMES, type Mechanism, rulesWithout } from "../../explorer/mechanisms.ts";
import { LOSS_SABOTAGES, tellingAnyRedis } from "../../explorer/replay/loss-sabotages.ts";
import { PURGE_SABOTAGES } from "../../explorer/replay/purge-sabotages.ts";
import { type Replayed, replay, type Sabotage } from "../../explorer/replay/replay.ts";
import { SABOTAGES } from "../../explorer/replay/sabotages.ts";
import { replayStoreFirst } from "../../explorer/replay/store-first-replay.ts";
import { byEvent } from "../../explorer/scenarios/calls.ts";
import { modelOf, type Scenario } from "../../explorer/scenarios/scenario.ts";
import { scenarioNamed } from "../../explorer/scenarios/scenarios.ts";
import { RECOVERY_STEPS, type TraceStep, traceSteps } from "../../explorer/trace.ts";

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

/** Another Redis takes over from that of process 0, and recovers. */
const LEFT_BEHIND = [
  "environment: fail over",
  "environment: p1 finds the primary",
  ...RECOVERY_STEPS,
] as const;

const SABOTAGED = Object.entries({
  ...SABOTAGES,
  ...LOSS_SABOTAGES,
  ...PURGE_SABOTAGES,
}) as [Mechanism, Sabotage][];

/** As without `current_epoch_told`, where not the call but another worker brings the write to the store. */
const BROUGHT_LATE = {
  sweep: [
    "set a: mint",
    "set a: upsert times out",
    "sweep 2: observe",
    ...LEFT_BEHIND,
    "sweep 2: upsert",
    "sweep 2: acknowledge",
    "environment: p0 finds the primary",
  ],
  projector: [
    "set a: mint",
    ...LEFT_BEHIND,
    "set a: append",
    "projector 2: claim",
    "projector 2: upsert",
    "projector 2: acknowledge",
    "projector 2: mark processed",
    "environment: p0 finds the primary",
  ],
} as const;

function replayBroughtLate(by: "sweep" | "projector", sabotage?: Sabotage): Promise<Replayed> {
  const { calls, ...scenario } = scenarioNamed("failover");
  const cast = { ...scenario, calls: by === "projector" ? calls.map(byEvent) : calls };
  return replay(traceSteps(BROUGHT_LATE[by]), cast, sabotage);
}

describe("The production code", () => {
  it.each(MECHANISM_NAMES)("holds where a protocol without %s breaks", async (removed) => {
    const { problems } = await replayWithout(removed);

    expect(problems).toEqual([]);
  });

  it.each(SABOTAGED)("breaks there when it is robbed of %s, too", async (removed, sabotage) => {
    const { problems } = await replayWithout(removed, sabotage);

    expect(problems).not.toEqual([]);
  });

  it.each(["sweep", "projector"] as const)(
    "holds, and breaks if any Redis is told, where a %s brings over what a Redis minted that was left behind",
    async (by) => {
      expect((await replayBroughtLate(by)).problems).toEqual([]);
      expect((await replayBroughtLate(by, tellingAnyRedis)).problems).not.toEqual([]);
    },
  );

  it("breaks when it serves copies although another process has written", async () => {
    const { scenario, steps } = counterexample("change_stamp");

    const { problems } = await replayStoreFirst(steps, scenario, (authority) => {
      let first: ChangeStamp;
      return { changeStamp: () => (first ??= authority.changeStamp()) };
    });

    expect(problems).not.toEqual([]);
  });
});
