import { ERRORS } from "../model/error-table.ts";
import type { LockstepError } from "../model/lockstep-error.ts";

/** The answer to a tool call in MCP's own shape. */
export interface CallReply {
  readonly content: readonly [{ readonly type: "text"; readonly text: string }];
  /** What the tool's output schema describes; absent on an error. */
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: true;
}

/** The text of a tool error is JSON of this shape. */
export interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  /** Finds the cause in the server's log; given where the answer does not tell it. */
  readonly reference?: string;
}

/**
 * Some hosts show a model the structured part and some the text, so both say the same. Clients end a line at
 * 10 MiB, and a value stands in the line twice; beyond 8 MiB the text gives the long values up.
 */
const replyMaxBytes = 8 * 1024 * 1024;

/** Shorter texts are names, keys and sentences, and always stay. */
const longValueCharacters = 4096;

export function replyWith(structured: Readonly<Record<string, unknown>>): CallReply {
  return { content: [{ type: "text", text: textOf(structured) }], structuredContent: structured };
}

export function replyWithError(
  error: LockstepError,
  { reference, redact }: { reference?: string; redact: (text: string) => string },
): CallReply {
  const text: ErrorText = {
    code: error.code,
    message: redact(error.message),
    hint: redact(error.hint),
    retryable: ERRORS[error.code].retryable,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(reference === undefined ? {} : { reference }),
  };
  return { content: [{ type: "text", text: JSON.stringify(text) }], isError: true };
}

function textOf(structured: object): string {
  const text = JSON.stringify(structured);
  // In UTF-8 a character takes at most 3 bytes, and JSON inside JSON at most doubles.
  if (text.length * 9 <= replyMaxBytes) return text;
  const bytes = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(text));
  return bytes <= replyMaxBytes ? text : JSON.stringify(structured, leaveOutLongValues);
}

function leaveOutLongValues(_: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= longValueCharacters) return value;
  return `(left out of this text: ${value.length} characters, which structuredContent has)`;
}
