import type { Spread } from "./rounds.ts";

export type Metric = "P4" | "P8" | "P11" | "P12";

/** One measured quantity beside what limits it and what it should reach. */
export interface Figure {
  readonly metric: Metric;
  readonly what: string;
  readonly unit: "rows/s" | "bytes" | "ms" | "MB";
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

/** In the figure's unit, or as a multiple of the first ceiling. */
export type Bound = { readonly value: number } | { readonly timesCeiling: number };

/** The figure as a multiple of its first ceiling; undefined where it has none. */
export function ratioOf({ measured, ceilings }: Figure): number | undefined {
  const [ceiling] = ceilings;
  return ceiling === undefined ? undefined : measured.median / ceiling.measured.median;
}

/** Judged by the medians. */
export function isMet(figure: Figure, bound: Bound): boolean {
  const [reached, wanted] =
    "value" in bound
      ? [figure.measured.median, bound.value]
      : [ratioOf(figure) ?? Number.NaN, bound.timesCeiling];
  return figure.better === "higher" ? reached >= wanted : reached <= wanted;
}
