import { describe, expect, it } from "@jest/globals";
import { judgeSlot, type KeptSlot } from "../../../src/jobs/judge-slot.ts";

const DAY_MS = 24 * 3_600_000;
const latestMs = Date.UTC(2026, 10, 21, 3);
const nextMs = latestMs + DAY_MS;

const kept = (facts: Partial<KeptSlot> = {}): KeptSlot => ({
  slotMs: latestMs,
  state: "done",
  attempts: 1,
  ...facts,
});

describe("a slot", () => {
  it.each([
    { what: "nobody has ever kept one", slot: undefined, step: "remember" },
    { what: "it is done", slot: kept(), step: "nothing" },
    { what: "the one before is done", slot: kept({ slotMs: latestMs - DAY_MS }), step: "begin" },
    { what: "ten were missed", slot: kept({ slotMs: latestMs - 10 * DAY_MS }), step: "begin" },
    {
      what: "an older one was never ended",
      slot: kept({ slotMs: latestMs - DAY_MS, state: "running", attempts: 3 }),
      step: "begin",
    },
    { what: "it runs, and its lease is free", slot: kept({ state: "running" }), step: "resume" },
    {
      what: "it was interrupted",
      slot: kept({ state: "interrupted", attempts: 0 }),
      step: "resume",
    },
    { what: "it was begun twice", slot: kept({ state: "running", attempts: 2 }), step: "resume" },
    {
      what: "it was begun three times",
      slot: kept({ state: "running", attempts: 3 }),
      step: "give_up",
    },
    {
      what: "a clock that is ahead has taken the next",
      slot: kept({ slotMs: nextMs }),
      step: "nothing",
    },
    {
      what: "a clock that is ahead runs the next",
      slot: kept({ slotMs: nextMs, state: "running" }),
      step: "nothing",
    },
    {
      what: "a clock was wrong by years",
      slot: kept({ slotMs: Date.UTC(2099, 0, 1) }),
      step: "begin",
    },
  ])("where $what: $step", ({ slot, step }) => {
    expect(judgeSlot(slot, { latestMs, nextMs })).toBe(step);
  });
});
