import type { Caller } from "./caller.ts";
import type { ToolAnswers } from "./tool-answers.ts";

export type Report = ToolAnswers["verify_cache_sync"];

/** All the ways in which every key, or a part of them, can be verified. */
export const MODES = ["full", "parts", "sample", "digests"] as const;
export type Mode = (typeof MODES)[number];
export type ReportsByMode = Readonly<Record<Mode, readonly Report[]>>;

export interface ModesOptions {
  /** About how many keys a part has. */
  readonly limit: number;
  /** Without it, the usual one. */
  readonly sampleSize?: number;
}

/**
 * Verifies in every mode at once, by turns through the instances: the full pass through the last of them, the digests
 * through the first, and each part of the pass in parts through another than the one before it.
 */
export async function verifyInEveryMode(
  instances: readonly Caller[],
  { limit, sampleSize }: ModesOptions,
): Promise<ReportsByMode> {
  const through = (at: number, args: object) =>
    instances.at(at % instances.length)!.call("verify_cache_sync", { ...args });
  const size = sampleSize === undefined ? {} : { sampleSize };
  const [full, parts, sample, digests] = await Promise.all([
    through(-1, {}),
    inParts(through, limit),
    through(1, { mode: "sample", ...size }),
    through(0, { contents: false }),
  ]);
  return { full: [full], parts, sample: [sample], digests: [digests] };
}

async function inParts(
  through: (at: number, args: object) => Promise<Report>,
  limit: number,
): Promise<readonly Report[]> {
  const reports = [await through(0, { limit })];
  for (let cursor = reports[0]!.cursor; cursor !== null; cursor = reports.at(-1)!.cursor)
    reports.push(await through(reports.length, { limit, cursor }));
  return reports;
}

/** The keys that reports name as issues, and as what. */
export function issuesIn(reports: readonly Report[]): readonly string[] {
  return reports
    .flatMap(({ cacheVsShadowSync }) => cacheVsShadowSync.mismatches)
    .map((found) => `${found.key}: ${found.class}`)
    .toSorted();
}
