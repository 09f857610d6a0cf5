import { type Bound, type Figure, isMet, ratioOf } from "./figure.ts";
import type { Spread } from "./rounds.ts";

const HEAD = ["", "figure", "median (range)", "ceiling", "ratio", "floor", "target"];

/** The figures as a Markdown table, padded so that it is readable on a terminal too. */
export function tableOf(figures: readonly Figure[]): string {
  return padded([HEAD, ...figures.map(cellsOf)]);
}

/** Rows of cells, of which the first is the head, as a Markdown table. */
export function padded(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]!.length)),
  );
  const lines = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column]!))));
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

function cellsOf(figure: Figure): string[] {
  const { metric, what, unit, measured, ceilings, floor, target } = figure;
  const ratio = ratioOf(figure);
  return [
    metric,
    what,
    `${spread(measured)} ${unit}`,
    ceilings.map((ceiling) => `${ceiling.what}: ${spread(ceiling.measured)}`).join("; ") || "-",
    ratio === undefined ? "-" : ratio.toFixed(2),
    bound(figure, floor),
    bound(figure, target),
  ];
}

export function spread({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}

function bound(figure: Figure, wanted: Bound): string {
  const sign = figure.better === "higher" ? "≥" : "≤";
  return `${sign} ${boundText(wanted)} ${isMet(figure, wanted) ? "met" : "MISSED"}`;
}

function boundText(wanted: Bound): string {
  if ("value" in wanted) return number(wanted.value);
  return "timesCeiling" in wanted
    ? `${wanted.timesCeiling} ×`
    : `ceiling + ${number(wanted.overCeiling)}`;
}

export function number(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
