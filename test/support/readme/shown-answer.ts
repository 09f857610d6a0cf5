import { types } from "node:util";
import { runInNewContext } from "node:vm";
import { expect } from "@jest/globals";
import type { Snippet } from "./read-snippets.ts";

/**
 * Fails unless a command printed what the page shows as its answer. Versions, points in time and durations need only be
 * of the same form; "…" stands for anything.
 */
export function expectPrinted(printed: string, { language, text }: Snippet): void {
  if (language === "json") expectShown(JSON.parse(printed), JSON.parse(text));
  else expect(printed).toMatch(patternOf(text));
}

/** The same for a value, and an answer as mongosh prints it. */
export function expectAnswered(actual: unknown, { text }: Snippet): void {
  expectShown(actual, runInNewContext(`(${text})`, { ISODate: (iso: string) => new Date(iso) }));
}

function expectShown(actual: unknown, shown: unknown): void {
  expect(likeShown(actual, shown, "")).toEqual(shown);
}

/** `actual`, with what may differ from run to run as it is shown. */
function likeShown(actual: unknown, shown: unknown, field: string): unknown {
  if (shown === "…" || isSameForm(actual, shown, field)) return shown;
  if (Array.isArray(actual) && Array.isArray(shown)) {
    return actual.map((entry: unknown, index) => likeShown(entry, shown[index], field));
  }
  if (isPlain(actual) && isPlain(shown)) {
    const entries = Object.entries(actual);
    return Object.fromEntries(
      entries.map(([name, at]) => [name, likeShown(at, shown[name], name)]),
    );
  }
  return actual;
}

function isSameForm(actual: unknown, shown: unknown, field: string): boolean {
  if (typeof actual === "number" && typeof shown === "number") return field.endsWith("Ms");
  if (types.isDate(actual)) return types.isDate(shown);
  const isVersion = (value: unknown) => typeof value === "string" && /^\d{24}$/.test(value);
  return isVersion(actual) && isVersion(shown);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function patternOf(shown: string): RegExp {
  const escaped = shown.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const varying = escaped
    .replace(/…/g, "[^]*")
    .replace(/\d{24}/g, String.raw`\d{24}`)
    .replace(/(Ms: )[\d\\.]+/g, String.raw`$1[\d.]+`);
  return new RegExp(`^${varying}\n$`);
}
