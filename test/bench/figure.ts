import type { Spread } from "./rounds.ts";

export type Metric =
  | "P1"
  | "P2"
  | "P3"
  | "P4"
  | "P5"
  | "P6"
  | "P7"
  | "P8"
  | "P9"
  | "P11"
  | "P12"
  | "P13";

/** One measured quantity beside what limits it and what it should reach. */
export interface Figure {
  readonly metric: Metric;
  readonly what: string;
  readonly unit: "rows/s" | "writes/s" | "keys/s" | "writes" | "bytes" | "µs" | "ms" | "MB";
  readonly better: "higher" | "lower";
  readonly measured: Spread;
  /** Measured in the same rounds; the first one is what `ratio` and a relative bound mean. Empty where the limit is a layout. */
  readonly ceilings: readonly Ceiling[];
  readonly floor: Bound;
  readonly target: Bound;
}

export interface Ceiling {
  readonly what: string;
  readonly measured: Spread;
}

/** In the figure's unit, as a multiple of the first ceiling, or as so much more than it. */
export type Bound =
  | { readonly value: number }
  | { readonly timesCeiling: number }
  | { readonly overCeiling: number };

/** The figure as a multiple of its first ceiling; undefined where it has none. */
export function ratioOf({ measured, ceilings }: Figure): number | undefined {
  const [ceiling] = ceilings;
  return ceiling === undefined ? undefined : measured.median / ceiling.measured.median;
}

/** Judged by the medians. */
export function isMet(figure: Figure, bound: Bound): boolean {
  const reached = figure.measured.median;
  const wanted = wantedBy(bound, figure.ceilings[0]?.measured.median ?? Number.NaN);
  return figure.better === "higher" ? reached >= wanted : reached <= wanted;
}

function wantedBy(bound: Bound, ceiling: number): number {
  if ("value" in bound) return bound.value;
  return "timesCeiling" in bound ? bound.timesCeiling * ceiling : bound.overCeiling + ceiling;
}
