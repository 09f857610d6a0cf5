import { percent } from "./percent.ts";

export interface LoadInputs {
  /** Direct syncs running, as a share of how many may. */
  readonly poolUtilization: number;
  /** Direct syncs waiting for a place. */
  readonly queued: number;
  /** Events not processed yet and not parked, as last counted. */
  readonly unprocessed: number;
}

export interface LoadThresholds {
  /** High at this share or more. */
  readonly poolRatio: number;
  /** High above this many waiting. */
  readonly queued: number;
  /** High above this many unprocessed events. */
  readonly unprocessed: number;
}

export interface LoadJudgement {
  readonly highLoad: boolean;
  /** One sentence: which threshold was passed, or that none was. */
  readonly reason: string;
}

/** High load is any of: the pool at its ratio or more, more tasks waiting than allowed, too many unprocessed events. */
export function judgeLoad(inputs: LoadInputs, thresholds: LoadThresholds): LoadJudgement {
  if (inputs.poolUtilization >= thresholds.poolRatio) {
    return high(
      `the pool is at ${percent(inputs.poolUtilization)} (threshold ${percent(thresholds.poolRatio)})`,
    );
  }
  if (inputs.queued > thresholds.queued) {
    return high(
      `${inputs.queued} direct syncs are queued (threshold: more than ${thresholds.queued})`,
    );
  }
  if (inputs.unprocessed > thresholds.unprocessed) {
    return high(
      `${inputs.unprocessed} events are unprocessed (threshold: more than ${thresholds.unprocessed})`,
    );
  }
  return { highLoad: false, reason: "Normal load: no threshold is passed." };
}

function high(what: string): LoadJudgement {
  return { highLoad: true, reason: `High load: ${what}.` };
}
