import { looksToTell } from "../lib/wilson-interval.ts";

export interface SampleWanted {
  /** The share of sound copies that is to be expected, from earlier looks; 1 where there were none. */
  readonly expected: number;
  /** What the share is to be told apart from. */
  readonly threshold: number;
  /** Bounds of the size, both included. */
  readonly min: number;
  readonly max: number;
}

export interface SampleSize {
  readonly size: number;
  /** Whether the interval of such a sample leaves the threshold out, if the share is as expected. */
  readonly tells: boolean;
}

/**
 * The smallest sample that can see what it looks for: if the share is as expected, its 95 % interval does not hold the
 * threshold. The nearer the two, the larger; where they meet no sample is large enough, and the bound is taken.
 */
export function sampleSizeFor({ expected, threshold, min, max }: SampleWanted): SampleSize {
  const enough = looksToTell(expected, threshold);
  return { size: Math.min(max, Math.max(min, enough)), tells: enough <= max };
}
