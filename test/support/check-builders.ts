import type { Findings } from "../../src/jobs/check-result.ts";
import type { KeptResult } from "../../src/jobs/check-results.ts";

/** What a look at that many copies found. */
export function findingsOf(
  checked: number,
  consistent: number,
  facts: Partial<Findings> = {},
): Findings {
  return {
    checked,
    consistent,
    inconsistent: checked - consistent,
    missing: 0,
    orphaned: 0,
    ratio: checked === 0 ? null : consistent / checked,
    interval: null,
    classes: {},
    driftedPrefixes: [],
    ...facts,
  };
}

export function resultOf(facts: Partial<KeptResult> = {}): KeptResult {
  return {
    job: "sample",
    model: "accounts.User",
    prefix: null,
    outcome: "good",
    reason: "A test asked for it",
    by: "process 1 on here",
    tookMs: 3,
    findings: findingsOf(50, 50),
    reconciled: null,
    error: null,
    counters: { evictions: 0, recoveries: 0 },
    atMs: Date.UTC(2026, 10, 21),
    ...facts,
  };
}
