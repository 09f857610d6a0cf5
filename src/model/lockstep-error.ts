import { ERRORS, type ErrorCode } from "./error-table.ts";

interface ErrorDetail {
  readonly cause?: unknown;
  /** When a retry makes sense, milliseconds from now, where that is known better than the table knows it. */
  readonly retryAfterMs?: number;
  /** What to do next, where the case knows more than the table's hint. */
  readonly hint?: string;
}

/** What stopped us. The code says in {@link ERRORS} whether retrying helps and what to do next. */
export class LockstepError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "LockstepError";
    this.code = code;
    this.retryAfterMs = detail.retryAfterMs ?? ERRORS[code].retryAfterMs;
    this.hint = detail.hint ?? ERRORS[code].hint;
  }

  /** A short tag for log lines and tests. */
  static codeOf(error: unknown): ErrorCode | undefined {
    return error instanceof LockstepError ? error.code : undefined;
  }
}

/** Whether only a person can help, so that the server had better not start. */
export function isFinal(error: unknown): boolean {
  const code = LockstepError.codeOf(error);
  return code !== undefined && ERRORS[code].kind === "start-up";
}
