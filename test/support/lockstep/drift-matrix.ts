import { expect } from "@jest/globals";
import { type CopyClass, isIssue } from "../../../src/verify/classify.ts";
import type { Drift } from "./planted-drift.ts";
import { issuesIn, type Report, type ReportsByMode } from "./verify-modes.ts";

const KEYS_OF_EACH = 5;

/** Seconds on an idle machine. */
export const MATRIX_LIMIT_MS = 180_000;

/**
 * Nothing moves but what the test moves: no job writes what it found, no history is kept a second later, and no write
 * that waits becomes overdue.
 */
export const STILL = {
  LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000",
  LOCKSTEP_SYNC_OBJECTIVE_MS: "3600000",
  LOCKSTEP_HEALTH_INTERVAL_MS: "3600000",
  LOCKSTEP_HISTORY_KEPT: "0",
} as const;

export interface DriftedKey<D extends Drift = Drift> {
  readonly key: string;
  readonly drift: D;
}

/** Some keys for each kind of drift. */
export function keysOfEach<D extends Drift>(drifts: readonly D[]): readonly DriftedKey<D>[] {
  return drifts.flatMap((drift) =>
    Array.from({ length: KEYS_OF_EACH }, (_, n) => ({ key: `${drift.what} ${n}`, drift })),
  );
}

/** How many keys are of which class, and which key is which issue: reports name no others. */
export interface Matrix {
  readonly counts: Readonly<Record<string, number>>;
  readonly issues: readonly string[];
}

export function matrixOf(reports: readonly Report[]): Matrix {
  const counts: Record<string, number> = {};
  for (const { cacheVsShadowSync } of reports)
    for (const [copyClass, count] of Object.entries(cacheVsShadowSync.counts))
      if (count > 0) counts[copyClass] = (counts[copyClass] ?? 0) + count;
  return { counts, issues: issuesIn(reports) };
}

export function expectedMatrix(
  keys: readonly DriftedKey[],
  classOf: (drift: Drift) => CopyClass,
): Matrix {
  const counts: Record<string, number> = {};
  const issues: string[] = [];
  for (const { key, drift } of keys) {
    const copyClass = classOf(drift);
    counts[copyClass] = (counts[copyClass] ?? 0) + 1;
    if (isIssue(copyClass)) issues.push(`${key}: ${copyClass}`);
  }
  return { counts, issues: issues.toSorted() };
}

/** Expects each mode to have met all keys, and each under its class; by digests, under the class that these can see. */
export function expectInEveryMode(
  keys: readonly DriftedKey[],
  { full, parts, sample, digests }: ReportsByMode,
): void {
  const all = expectedMatrix(keys, ({ verdict }) => verdict);
  expect(matrixOf(full)).toEqual(all);
  expect(parts.length).toBeGreaterThan(2);
  expect(matrixOf(parts)).toEqual(all);
  expect(parts.at(-1)?.coverage).toMatchObject({
    complete: true,
    keysChecked: keys.length,
    issues: all.issues.length,
  });
  expect(matrixOf(sample)).toEqual(all);
  expect(sample[0]?.sample).toMatchObject({ keysInAll: keys.length, smallestVisibleRate: 0 });
  expect(matrixOf(digests)).toEqual(
    expectedMatrix(keys, ({ verdict, byDigests }) => byDigests ?? verdict),
  );
}
