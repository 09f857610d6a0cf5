import { Circuit } from "../lib/circuit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Bounded } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/** So many attempts in a row without an answer open the circuit. */
const FAILURES_TO_OPEN = 5;

/** How long the store is left alone before one attempt may try it again, milliseconds. */
const OPEN_MS = 1000;

/**
 * Stops sending to a store that does not answer, so that a write goes to the journal without delay. An attempt that is
 * not made fails with STORE_UNAVAILABLE.
 */
export class StoreCircuit extends Circuit {
  constructor(clock: Clock) {
    super({ clock, failuresToOpen: FAILURES_TO_OPEN, openMs: OPEN_MS, isFailure, leftAlone });
  }
}

function leftAlone(): LockstepError {
  const message =
    "The store has not answered several times in a row and is left alone for a moment.";
  return new LockstepError("STORE_UNAVAILABLE", message, { retryAfterMs: OPEN_MS });
}

/** A refusal of the one write is an answer; only silence and a lost connection speak against the store. */
function isFailure(answer: Bounded<unknown>): boolean {
  switch (answer.outcome) {
    case "done":
      return false;
    case "timed_out":
      return true;
    case "failed":
      return (
        LockstepError.codeOf(answer.error) === "STORE_UNAVAILABLE" ||
        LockstepError.codeOf(answer.error) === "UNKNOWN_OUTCOME"
      );
  }
}
