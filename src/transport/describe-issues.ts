import type { z } from "zod";
import { nearestName } from "../lib/nearest-name.ts";

/** What an answer repeats of the caller's own text, so that a field name of a megabyte stays out of it. */
const shownCharactersMax = 60;
const shownFieldsMax = 5;

/** Says in sentences which fields a caller has to change, and which fields there are if it named others. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  args: unknown,
  fields: readonly string[],
): string {
  return issues.map((issue) => `${describeIssue(issue, args, fields)}.`).join(" ");
}

function describeIssue(issue: z.core.$ZodIssue, args: unknown, fields: readonly string[]): string {
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
    return describeUnknown(issue.keys, fields);
  }
  const where = issue.path.length === 0 ? "arguments" : shorten(issue.path.join("."));
  if (issue.code === "invalid_type" && lookUp(args, issue.path) === undefined) {
    return `${where} is missing (${issue.expected})`;
  }
  return `${where}: ${lowerFirst(issue.message.replace(/^Invalid input: /, ""))}`;
}

function describeUnknown(unknown: readonly string[], fields: readonly string[]): string {
  const named = unknown.slice(0, shownFieldsMax).map((name) => {
    const nearest = nearestName(shorten(name), fields);
    return nearest === undefined ? shorten(name) : `${shorten(name)} (did you mean ${nearest}?)`;
  });
  if (unknown.length > shownFieldsMax) named.push(`${unknown.length - shownFieldsMax} more`);
  const there = fields.length === 0 ? "It takes no fields" : `The fields are ${fields.join(", ")}`;
  return `There is no field ${named.join(", ")}. ${there}`;
}

function lookUp(args: unknown, path: readonly PropertyKey[]): unknown {
  let value = args;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

function shorten(text: string): string {
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
