import { describe, expect, it } from "@jest/globals";
import { ERRORS, type ErrorCode, type ErrorFacts } from "../../../src/model/error-table.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];
const facts: readonly ErrorFacts[] = Object.values(ERRORS);

describe("the error table", () => {
  it.each(codes)("tells what to do next after %s, in sentences", (code) => {
    expect(ERRORS[code].hint).toMatch(/^[A-Z].*\.$/);
  });

  it("names a time to retry only where a retry can help", () => {
    const timed = facts.filter((fact) => fact.retryAfterMs !== undefined);

    expect(timed.filter((fact) => !fact.retryable)).toEqual([]);
    expect(timed.filter((fact) => fact.retryAfterMs! <= 0)).toEqual([]);
  });

  it("calls retryable all that is only unavailable, and nothing that must be changed first", () => {
    const retryable = (kind: ErrorFacts["kind"]) =>
      new Set(facts.filter((fact) => fact.kind === kind).map((fact) => fact.retryable));

    expect(retryable("unavailable")).toEqual(new Set([true]));
    expect(retryable("input")).toEqual(new Set([false]));
    expect(retryable("start-up")).toEqual(new Set([false]));
    expect(retryable("broken")).toEqual(new Set([false]));
  });
});

describe("LockstepError", () => {
  it("takes hint and time from the table", () => {
    const error = new LockstepError("STORE_UNAVAILABLE", "The disk is full.");

    expect(error).toMatchObject({
      name: "LockstepError",
      message: "The disk is full.",
      hint: ERRORS.STORE_UNAVAILABLE.hint,
      retryAfterMs: ERRORS.STORE_UNAVAILABLE.retryAfterMs,
    });
    expect("cause" in error).toBe(false);
  });

  it("keeps its cause, and a hint and time that the case knows better", () => {
    const cause = new Error("ENOSPC");

    const error = new LockstepError("STORE_UNAVAILABLE", "The disk is full.", {
      cause,
      hint: "Make room.",
      retryAfterMs: 5,
    });

    expect(error).toMatchObject({ cause, hint: "Make room.", retryAfterMs: 5 });
  });

  it("tells its code, and that other errors have none", () => {
    expect(LockstepError.codeOf(new LockstepError("ABORTED", "Stopped."))).toBe("ABORTED");
    expect(LockstepError.codeOf(new Error("Stopped."))).toBeUndefined();
    expect(LockstepError.codeOf(undefined)).toBeUndefined();
  });
});
