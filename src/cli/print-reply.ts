import type { CallReply, ErrorText } from "../transport/call-reply.ts";

export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** A reply for a person, or as one line of JSON for a program. A failure goes to stderr, and to stdout as JSON too. */
export function printReply(
  { content, structuredContent, isError }: CallReply,
  json: boolean,
): Printed {
  const [{ text }] = content;
  if (isError === true && !json) return { stdout: "", stderr: printError(text) };
  const fields = structuredContent ?? (json ? (JSON.parse(text) as object) : {});
  return { stdout: printReport(fields, json), stderr: "" };
}

/** What a command has to say, for a person, or as one line of JSON for a program. */
export function printReport(fields: object, json: boolean): string {
  return json ? `${JSON.stringify(fields)}\n` : `${printFields(fields, "").join("\n")}\n`;
}

function printError(text: string): string {
  const { code, message, hint, retryAfterMs } = JSON.parse(text) as ErrorText;
  const retry = retryAfterMs === undefined ? "" : `\nTry again in ${retryAfterMs} ms.`;
  return `${code}: ${message}\n${hint}${retry}\n`;
}

/** One line per field; what is inside another stands below it, further in. */
function printFields(fields: object, indent: string): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]) => {
    const label = `${indent}${name}:`;
    if (Array.isArray(value)) {
      if (value.length === 0) return [`${label} none`];
      return [label, ...value.map((entry: unknown) => `${indent}  - ${printEntry(entry)}`)];
    }
    if (typeof value === "object" && value !== null) {
      return [label, ...printFields(value, `${indent}  `)];
    }
    return [`${label} ${printScalar(value)}`];
  });
}

function printEntry(entry: unknown): string {
  if (typeof entry !== "object" || entry === null) return printScalar(entry);
  return Object.entries(entry)
    .map(([name, value]: [string, unknown]) => `${name} ${printScalar(value)}`)
    .join(", ");
}

function printScalar(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
