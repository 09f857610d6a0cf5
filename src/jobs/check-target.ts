import type { Findings, Reconciled } from "./check-result.ts";

/** Something that jobs look at: a model, or the keys of cache and store. */
export interface CheckTarget {
  /** As results and log lines call it. */
  readonly model: string;
  /** Compares the two sides and changes nothing. Errors: those of cache and store, ABORTED. */
  check(wanted: CheckWanted): Promise<Findings>;
  /** Mends what differs; only where that may be done unattended. Errors: as above. */
  readonly reconcile?: (wanted: ReconcileWanted) => Promise<Reconciled>;
}

export interface ReconcileWanted {
  /** All of it, or as much as one call does by default; the next one then goes on from there. */
  readonly extent: "all" | "some";
  readonly signal: AbortSignal;
}

export interface CheckWanted {
  /** At how many copies to look; undefined = at all. */
  readonly sampleSize?: number;
  /** Only keys that begin with this. */
  readonly prefix?: string;
  readonly signal: AbortSignal;
}
