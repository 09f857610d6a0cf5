import { KV } from "../models/model.ts";
import type { CacheVerifier, SyncReport } from "../verify/cache-verifier.ts";
import { type CopyClass, isIssue } from "../verify/classify.ts";
import type { Findings } from "./check-result.ts";
import type { CheckTarget, CheckWanted } from "./check-target.ts";

/** So many beginnings of keys are kept with a result, each no longer than this. */
const PREFIXES_MAX = 5;
const PREFIX_LENGTH_MAX = 64;

/**
 * The keys of cache and store, by the verifier. What has drifted there is never mended unattended: which side is right
 * may be for a person to say, and a repair of one key has an undo only if somebody asked for it.
 */
export class KvTarget implements CheckTarget {
  readonly model = KV;
  readonly #verifier: Pick<CacheVerifier, "verify">;

  constructor(verifier: Pick<CacheVerifier, "verify">) {
    this.#verifier = verifier;
  }

  async check({ sampleSize, prefix, signal }: CheckWanted): Promise<Findings> {
    const mode = sampleSize === undefined ? "full" : "sample";
    return kvFindings(await this.#verifier.verify({ mode, sampleSize, prefix, signal }));
  }
}

/** A report of the verifier as the jobs keep it: what the shadow lacks is missing, and any other issue inconsistent. */
export function kvFindings(report: SyncReport): Findings {
  const { keysChecked: checked, counts, mismatches, sample } = report;
  const classes = Object.fromEntries(
    Object.entries(counts).filter(([name, count]) => count > 0 && isIssue(name as CopyClass)),
  );
  const issues = Object.values(classes).reduce((sum, count) => sum + count, 0);
  const consistent = checked - issues;
  const ratio = checked === 0 ? null : consistent / checked;
  return {
    checked,
    consistent,
    inconsistent: issues - counts.missing,
    missing: counts.missing,
    orphaned: 0,
    ratio,
    interval: ratio === null ? null : intervalOf(ratio, sample),
    classes,
    driftedPrefixes: prefixesOf(mismatches.map(({ key }) => key)),
  };
}

/** The verifier tells the share that has drifted, the jobs the share that has not. */
function intervalOf(ratio: number, sample: SyncReport["sample"]): Findings["interval"] {
  if (sample === null) return { low: ratio, high: ratio };
  return { low: 1 - sample.interval.high, high: 1 - sample.interval.low };
}

/** Where drift lies, by the part of the keys up to their first separator; keys without one belong nowhere. */
function prefixesOf(keys: readonly string[]): Findings["driftedPrefixes"] {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const prefix = /^[^:/]+[:/]/.exec(key)?.[0];
    if (prefix !== undefined && prefix.length <= PREFIX_LENGTH_MAX)
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts]
    .map(([prefix, found]) => ({ prefix, keys: found }))
    .toSorted((one, other) => other.keys - one.keys)
    .slice(0, PREFIXES_MAX);
}
