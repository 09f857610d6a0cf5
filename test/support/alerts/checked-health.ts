import type { SyncReport } from "../../../src/verify/cache-verifier.ts";
import type { CopyClass } from "../../../src/verify/classify.ts";
import type { CheckedHealth } from "../../../src/verify/health-check.ts";
import { Tally } from "../../../src/verify/tally.ts";

/** What a check has found that has met these keys. */
export function checkedKeys(
  atMs: number,
  ...found: readonly (readonly [string, CopyClass])[]
): CheckedHealth {
  const tally = new Tally();
  tally.add(found.map(([key, copyClass]) => ({ key, copyClass })));
  const { keysChecked, issues, counts, mismatches } = tally;
  const report: SyncReport = {
    mode: "full",
    compared: "contents",
    unprocessedOutboxEvents: 0,
    keysChecked,
    counts,
    mismatches,
    truncated: mismatches.length < issues,
    pass: { keysChecked, issues, complete: true, cursor: null },
    sample: null,
    stale: { keys: [], count: 0, thresholdHours: 24 },
    orphaned: { keys: [], count: 0, namespaces: [] },
    healthy: issues === 0,
    tookMs: 1,
  };
  return { atMs, tookMs: 1, came: { report } };
}

export const checkFailed = (atMs: number, error: unknown): CheckedHealth => ({
  atMs,
  tookMs: 1,
  came: { error },
});
