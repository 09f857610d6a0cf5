import { describe, expect, it } from "@jest/globals";
import { type HealthState, judgeTold } from "../../../src/alerts/judge-told.ts";

const HOUR_MS = 3_600_000;
const TOLD_MS = 1_000;

describe("judgeTold", () => {
  const STATES: readonly HealthState[] = ["good", "issues", "failed"];

  it.each(
    STATES.flatMap((state) => [undefined, ...STATES].map((before) => [before, state] as const)),
  )("tells each change from %s to %s once", (before, state) => {
    const told = before === undefined ? undefined : { state: before, atMs: TOLD_MS };
    const isNews = state === "good" ? before !== undefined && before !== "good" : before !== state;

    expect(judgeTold(state, told, { nowMs: TOLD_MS, remindMs: HOUR_MS })).toBe(
      isNews ? "tell" : "nothing",
    );
  });

  it.each([
    ["issues", HOUR_MS - 1, HOUR_MS, "nothing"],
    ["issues", HOUR_MS, HOUR_MS, "remind"],
    ["failed", HOUR_MS, HOUR_MS, "remind"],
    ["good", HOUR_MS, HOUR_MS, "nothing"],
    ["issues", 1_000 * HOUR_MS, 0, "nothing"],
    // A clock that was set back must not set off anything.
    ["issues", -HOUR_MS, HOUR_MS, "nothing"],
  ] as const)(
    "of %s that has lasted for %i ms, with a reminder each %i ms, says %s",
    (state, lasted, remindMs, said) => {
      const nowMs = TOLD_MS + lasted;
      expect(judgeTold(state, { state, atMs: TOLD_MS }, { nowMs, remindMs })).toBe(said);
    },
  );
});
