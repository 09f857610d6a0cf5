import { describe, expect, it } from "@jest/globals";
import {
  chooseLook,
  type LookCandidate,
  type PastLook,
  suspicion,
} from "../../../src/jobs/choose-look.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 21);
const rules = { threshold: 0.9, min: 50, max: 500, intervalMs: HOUR_MS };

const hoursAgo = (hours: number, consistent = 50): PastLook => ({
  atMs: NOW_MS - hours * HOUR_MS,
  checked: 50,
  consistent,
  drifted: consistent < 50,
});

function candidate(facts: Partial<LookCandidate> = {}): LookCandidate {
  return {
    model: "accounts.User",
    prefix: undefined,
    looks: [hoursAgo(1)],
    evictions: 0,
    recoveries: 0,
    ...facts,
  };
}

describe("how much speaks for a look", () => {
  it.each([
    { what: "looked at just now and sound", facts: { looks: [hoursAgo(0)] }, score: 0 },
    { what: "sound an hour ago", facts: {}, score: 1 },
    { what: "sound ten hours ago", facts: { looks: [hoursAgo(10)] }, score: 10 },
    { what: "never seen", facts: { looks: [] }, score: 3 },
    { what: "drift in one of two", facts: { looks: [hoursAgo(1, 49), hoursAgo(2)] }, score: 3 },
    { what: "drift in all", facts: { looks: [hoursAgo(1, 10), hoursAgo(2, 49)] }, score: 5 },
    { what: "a recovery since", facts: { recoveries: 1 }, score: 3 },
    { what: "many recoveries since", facts: { recoveries: 16 }, score: 3 },
    { what: "an eviction since", facts: { evictions: 1 }, score: 1.15 },
    { what: "many evictions since", facts: { evictions: 10_000 }, score: 3 },
    { what: "more evictions than matter", facts: { evictions: 5_000_000 }, score: 3 },
    { what: "evictions that nobody counts", facts: { evictions: undefined }, score: 1 },
    { what: "a look in the future of this clock", facts: { looks: [hoursAgo(-5)] }, score: 0 },
  ])("$what: $score", ({ facts, score }) => {
    expect(suspicion(candidate(facts), rules, NOW_MS)).toBeCloseTo(score, 2);
  });
});

describe("what is looked at next", () => {
  it.each([
    {
      what: "past drift",
      facts: {
        looks: [hoursAgo(2, 40), hoursAgo(3), hoursAgo(4, 49), hoursAgo(5, 45), hoursAgo(6)],
        evictions: 1_204,
      },
      reason:
        "3 of the last 5 checks of accounts.User found drift; 1,204 evictions since; looked at 2 hours ago. 267 are enough to tell a share of 93.6 % as seen lately from the threshold of 90 %",
    },
    {
      what: "state that was lost",
      facts: { recoveries: 16, evictions: 1 },
      reason:
        "the last check of accounts.User found no drift; 1 eviction and 16 buckets recovered since; looked at 60 minutes ago. 50 are the usual sample",
    },
    {
      what: "nothing but time",
      facts: { looks: [hoursAgo(50), hoursAgo(51)] },
      reason:
        "the last 2 checks of accounts.User found no drift; looked at 2 days ago. 50 are the usual sample",
    },
    {
      what: "that nobody has looked",
      facts: { looks: [] },
      reason: "accounts.User has not been looked at lately. 50 are the usual sample",
    },
    {
      what: "a prefix with much drift near the threshold",
      facts: { model: "kv", prefix: "user:", looks: [hoursAgo(72, 45)] },
      reason:
        "the last check of kv (keys user:…) found drift; looked at 3 days ago. 500 are the most that may be looked at, and cannot tell a share of 90 % as seen lately from the threshold of 90 %",
    },
  ])("says why: $what", ({ facts, reason }) => {
    expect(chooseLook([candidate(facts)], rules, NOW_MS)?.reason).toBe(reason);
  });

  it("is the most suspicious one, wherever it stands", () => {
    const calm = candidate({ model: "calm" });
    const drifted = candidate({ model: "drifted", looks: [hoursAgo(1, 30)] });
    const evicted = candidate({ model: "evicted", evictions: 500 });

    for (const candidates of [
      [calm, drifted, evicted],
      [evicted, calm, drifted],
      [drifted, evicted, calm],
    ])
      expect(chooseLook(candidates, rules, NOW_MS)?.candidate.model).toBe("drifted");
  });

  it("is in time also what nothing speaks against", () => {
    const drifted = candidate({ model: "drifted", looks: [hoursAgo(1, 30)] });
    const waiting = candidate({ model: "waiting", looks: [hoursAgo(9)] });

    expect(chooseLook([drifted, waiting], rules, NOW_MS)?.candidate.model).toBe("waiting");
  });

  it("is the first of equals, and nothing where there is nothing", () => {
    const equals = [candidate({ model: "one" }), candidate({ model: "other" })];

    expect(chooseLook(equals, rules, NOW_MS)?.candidate.model).toBe("one");
    expect(chooseLook([], rules, NOW_MS)).toBeUndefined();
  });
});
