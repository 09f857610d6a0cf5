import { LockstepError } from "../model/lockstep-error.ts";

/**
 * What a failure says of several writes of which some may have landed before it: one that says "nothing was written" is
 * not true of all of them, and becomes UNKNOWN_OUTCOME.
 */
export function partlyLanded(error: unknown): unknown {
  const code = LockstepError.codeOf(error);
  if (code !== "STORE_UNAVAILABLE" && code !== "WRITE_EXPIRED") return error;
  return new LockstepError("UNKNOWN_OUTCOME", "Only a part of the writes landed.", {
    cause: error,
  });
}
