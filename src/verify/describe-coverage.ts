import type { SyncReport } from "./cache-verifier.ts";

const UNSEEN_BY_DIGESTS =
  "The values were not read: version, hash and deadline as the cache noted them at the write were compared with the store's, and the length of the cached value with that of the stored one. So a value that was changed without its hash, on either side, shows only where the two lengths differ; where the key has a value on one side alone, it does not show at all. contents true finds all of these.";

/** Says in words how far a report goes, so that nobody takes a part for the whole. */
export function describeCoverage(report: SyncReport): {
  readonly says: string;
  readonly cannotSee: string | null;
} {
  return {
    says: report.sample === null ? sayPass(report) : saySample(report, report.sample),
    cannotSee: report.compared === "digests" ? UNSEEN_BY_DIGESTS : null,
  };
}

function sayPass({ pass: { complete, keysChecked, issues } }: SyncReport): string {
  const found = issues === 0 ? "none has drifted" : `${issues} have drifted`;
  return complete
    ? `Every key was checked, ${keysChecked} in all: ${found}.`
    : `Only a part was checked so far, ${keysChecked} keys: ${found}. Call again with the cursor to go on.`;
}

function saySample(
  { keysChecked, pass: { issues } }: SyncReport,
  { isAll, population, interval, smallestVisibleRate }: NonNullable<SyncReport["sample"]>,
): string {
  if (isAll) return `The sample was all keys, ${keysChecked}: ${issues} have drifted.`;
  if (keysChecked === 0) return "The sample met no key, so it says nothing.";
  const found = `Of ${keysChecked} keys picked by chance among about ${population}, ${issues} have drifted`;
  return `${found}: with 95 % confidence between ${percent(interval.low)} and ${percent(interval.high)} of all. Drift of fewer than ${percent(smallestVisibleRate)} of the keys would probably have gone unseen.`;
}

/** Two digits that count, however small. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
