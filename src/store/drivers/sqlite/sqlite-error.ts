import type { ErrorCode } from "../../../model/error-table.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";

const BUSY = 5;
const TOO_BIG = 18;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;

/** SQLite's error, with the code that callers know and itself as the cause. */
export function translated(cause: unknown, code: ErrorCode = "STORE_UNAVAILABLE"): LockstepError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LockstepError(code, `SQLite: ${reason}.`, { cause });
}

/** What a statement failed with: a row that breaks a rule of its table, or the limits of any row, would be refused again. */
export function statementError(cause: unknown): LockstepError {
  const code = primaryCodeOf(cause);
  return translated(
    cause,
    code === TOO_BIG || code === CONSTRAINT ? "DOCUMENT_REFUSED" : "STORE_UNAVAILABLE",
  );
}

/** Another connection held a lock for longer than the busy time-out. */
export function isBusy(error: unknown): boolean {
  return primaryCodeOf(error) === BUSY;
}

export function isNotADatabase(error: unknown): boolean {
  return primaryCodeOf(error) === NOT_A_DATABASE;
}

/** SQLite's result code without the upper bits, which only say more about the same thing. */
function primaryCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}
