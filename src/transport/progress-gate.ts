import type { Clock } from "../lib/clock.ts";

export interface Progress {
  readonly done: number;
  readonly total?: number;
}

/** A person cannot follow more than ten messages a second, and a scan of a million keys would send a million. */
const pauseMs = 100;

/**
 * Lets through what a client may be told: only progress beyond the last one, as MCP demands, and not too often.
 * The end (`done` = `total`) always passes.
 */
export function gateProgress(
  clock: Clock,
  tell: (progress: Progress) => void,
): (done: number, total?: number) => void {
  let toldDone = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return (done, total) => {
    const nowMs = clock.monotonicMs();
    if (done <= toldDone || (nowMs - toldAtMs < pauseMs && done !== total)) return;
    toldDone = done;
    toldAtMs = nowMs;
    tell(total === undefined ? { done } : { done, total });
  };
}
