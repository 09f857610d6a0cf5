import { type ShareInterval, wilsonInterval } from "../lib/wilson-interval.ts";

/** How sure the answer is to be: of a hundred such samples, five may mislead. */
const CONFIDENCE = 0.95;

/** What a sample says about all keys. */
export interface SampleFigures {
  /** Keys on both sides together, about. */
  readonly population: number;
  /** Whether the sample was all of them. */
  readonly isAll: boolean;
  /** Share of the sampled keys that have drifted. */
  readonly driftRate: number;
  /** Where the share among all keys lies, with 95 % confidence (Wilson). */
  readonly interval: ShareInterval;
  /** Had this share of the keys drifted, or more, a sample of this size would have met one of them in 95 of 100 cases. */
  readonly smallestVisibleRate: number;
}

export function judgeSample(sample: {
  readonly checked: number;
  readonly issues: number;
  readonly population: number;
  readonly isAll: boolean;
}): SampleFigures {
  const { checked, issues, population, isAll } = sample;
  const driftRate = checked === 0 ? 0 : issues / checked;
  if (isAll) {
    const interval = { low: driftRate, high: driftRate };
    return { population, isAll, driftRate, interval, smallestVisibleRate: 0 };
  }
  return {
    population,
    isAll,
    driftRate,
    interval: wilsonInterval(issues, checked),
    smallestVisibleRate: smallestVisibleRate(checked),
  };
}

/** The rate r at which (1 - r)^looks, the chance to meet none, falls to 5 %. For few looks much more than people expect: 50 see 5.8 %. */
function smallestVisibleRate(looks: number): number {
  return looks <= 0 ? 1 : 1 - (1 - CONFIDENCE) ** (1 / looks);
}
