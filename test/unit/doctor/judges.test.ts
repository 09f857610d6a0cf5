import { describe, expect, it } from "@jest/globals";
import { worstOf } from "../../../src/doctor/finding.ts";
import { isAtLeastVersion } from "../../../src/doctor/is-at-least.ts";
import { judgeAlerts } from "../../../src/doctor/judge-alerts.ts";
import { judgeBinding } from "../../../src/doctor/judge-binding.ts";
import { judgeClocks } from "../../../src/doctor/judge-clocks.ts";
import { judgeProcess } from "../../../src/doctor/judge-process.ts";

describe("The tie between Redis and store", () => {
  it.each([
    ["is fine where both name the same", ["one"], "one", "ok"],
    ["is made by the first start where Redis is new", [], "one", "ok"],
    ["is made by the first start where both are new", [], null, "ok"],
    ["is wrong where Redis names another", ["two"], "one", "problem"],
    ["is wrong where the store is new and Redis is not", ["two"], null, "problem"],
    ["is wrong where Redis names two", ["one", "two"], "one", "problem"],
    ["is not known while the store is down", ["one"], undefined, "warning"],
    ["is not known while Redis is down", undefined, "one", "warning"],
  ])("%s", (_, named, storeId, state) => {
    expect(judgeBinding({ named, storeId })).toMatchObject({ state });
  });
});

describe("Clocks", () => {
  const reading = (aheadMs: number, uncertainMs = 0) => ({ aheadMs, uncertainMs });

  it.each([
    ["agree where there is only one", {}, "ok"],
    ["agree to within a second", { Redis: reading(999), MongoDB: reading(500) }, "ok"],
    ["differ from ours", { Redis: reading(-1_500) }, "warning"],
    ["differ from each other", { Redis: reading(800), MongoDB: reading(-800) }, "warning"],
    ["differ by as much as a statement lives", { MongoDB: reading(600_000) }, "problem"],
    ["are not called different for a slow answer", { Redis: reading(1_500, 600) }, "ok"],
  ])("%s", (_, servers, state) => {
    expect(judgeClocks(servers)).toMatchObject({ state });
  });

  it("are named where they are farthest apart", () => {
    const servers = { Redis: reading(3_000), MongoDB: reading(-2_000) };

    expect(judgeClocks(servers).says).toContain(
      "The clock of Redis is 5000 ms ahead of that of MongoDB",
    );
  });
});

describe("The process", () => {
  it.each([
    ["v20.19.0", "ok"],
    ["v20.18.3", "problem"],
    ["v24.1.0", "ok"],
  ])("on Node %s: %s", (nodeVersion, state) => {
    expect(judgeProcess({ nodeVersion, configWarnings: [] })[0]).toMatchObject({ state });
  });

  it("is warned of each variable that does nothing", () => {
    const configWarnings = ["There is no variable LOCKSTEP_A.", "There is no variable LOCKSTEP_B."];

    expect(judgeProcess({ nodeVersion: "v24.0.0", configWarnings }).slice(1)).toMatchObject([
      { state: "warning", says: configWarnings[0] },
      { state: "warning", says: configWarnings[1] },
    ]);
  });
});

it.each([
  ["7.0.15", true],
  ["6.2.14", true],
  ["6.0.20", false],
  ["5.9", false],
  ["v10", true],
  ["unstable", undefined],
])("version %s at least 6.2: %s", (version, expected) => {
  expect(isAtLeastVersion(version, 6, 2)).toBe(expected);
});

it.each([
  [[], "ok"],
  [["ok", "ok"], "ok"],
  [["ok", "warning"], "warning"],
  [["warning", "problem", "ok"], "problem"],
] as const)("the worst of %j is %s", (states, worst) => {
  expect(worstOf(states.map((state) => ({ state })))).toBe(worst);
});

describe("The ways of alerts", () => {
  const none = { webhook: false, isInTheClear: false, slack: false, mailAddresses: 0 };

  it.each([
    ["may be none", none, "ok", "They are only logged"],
    ["are named", { ...none, slack: true, mailAddresses: 2 }, "ok", "Slack, 2 mail addresses;"],
    [
      "are warned of where headers go to another machine in the clear",
      { ...none, webhook: true, isInTheClear: true },
      "warning",
      "plain HTTP",
    ],
  ])("%s", (_, ways, state, says) => {
    expect(judgeAlerts(ways)).toMatchObject({ state, says: expect.stringContaining(says) });
  });
});
