import type { z } from "zod";
import { isRecord } from "../lib/is-record.ts";
import { nearestName } from "../lib/nearest-name.ts";

/** A place of the file, and the rule that it breaks. */
export interface Fault {
  /** Which model it is about; -1 for the file itself. */
  readonly at: number;
  readonly text: string;
}

/** What an answer repeats of the file's own text. */
const SHOWN_MAX = 60;

/** What the schema has found, in sentences about the file, for people who know nothing of schemas. */
export function describeFaults(
  issues: readonly z.core.$ZodIssue[],
  content: unknown,
  fields: { readonly file: readonly string[]; readonly model: readonly string[] },
): readonly Fault[] {
  return issues.map((issue) => {
    const [, at] = issue.path;
    const known = issue.path.length === 0 ? fields.file : fields.model;
    const text = `${placeOf(issue.path)} ${ruleOf(issue, valueAt(content, issue.path), known)}`;
    return { at: typeof at === "number" ? at : -1, text };
  });
}

/** As people write it: models[0].key; the file itself where the rule is about all of it. */
function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the file";
  return path.reduce<string>((place, step) => {
    if (typeof step === "number") return `${place}[${step}]`;
    return place === "" ? String(step) : `${place}.${String(step)}`;
  }, "");
}

function ruleOf(issue: z.core.$ZodIssue, value: unknown, known: readonly string[]): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return `has no field ${issue.keys.map((name) => withGuess(name, known)).join(", ")}`;
    case "invalid_type": {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      return value === undefined
        ? `is missing; it must be ${expected}`
        : `must be ${expected}, and is ${shown(value)}`;
    }
    case "invalid_value": {
      const values = issue.values.map(String);
      const nearest = typeof value === "string" ? nearestName(value, values) : undefined;
      const guess = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
      return `must be one of ${values.join(", ")}, and is ${shown(value)}${guess}`;
    }
    case "too_small":
      return `must ${sizeText(issue.origin, "at least", Number(issue.minimum), value)}`;
    case "too_big":
      return `must ${sizeText(issue.origin, "at most", Number(issue.maximum), value)}`;
    case "invalid_union":
      return `must be text, a number, true, false or null, and is ${shown(value)}`;
    case "invalid_key":
      return `is no name of a field: it ${issue.issues[0]?.message ?? "must be one"}`;
    case "invalid_format":
    case "invalid_element":
    case "not_multiple_of":
    case "custom":
      return issue.message;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list [ ]",
  object: "an object { }",
  record: "an object { }",
};

function sizeText(origin: string, bound: string, count: number, value: unknown): string {
  if (origin === "string") return `have ${bound} ${count} characters`;
  if (origin === "array") return `name ${bound} ${count}`;
  return `be ${bound} ${count}, and is ${shown(value)}`;
}

function withGuess(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? shown(name) : `${shown(name)} (did you mean ${nearest}?)`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isRecord(value)) return "an object";
  const text = JSON.stringify(value ?? null);
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null
        ? (value as Readonly<Record<PropertyKey, unknown>>)[step]
        : undefined,
    content,
  );
}
