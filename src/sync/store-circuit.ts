import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
} from "cockatiel";
import type { Bounded } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/** So many attempts in a row without an answer open the circuit. */
const FAILURES_TO_OPEN = 5;

/** How long the store is left alone before one attempt may try it again, milliseconds. */
const OPEN_MS = 1000;

export type CircuitName = "closed" | "half-open" | "open";

/**
 * Stops sending to a store that does not answer: while the circuit is open an attempt fails at once instead of after
 * its whole time-out, so a write goes to the journal without delay. After a second one attempt is let through, and its
 * answer closes the circuit.
 */
export class StoreCircuit {
  readonly #policy = circuitBreaker(handleType(Unanswered), {
    halfOpenAfter: OPEN_MS,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });

  get state(): CircuitName {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return "closed";
      case CircuitState.HalfOpen:
        return "half-open";
      case CircuitState.Open:
      case CircuitState.Isolated:
        return "open";
    }
  }

  /** Makes the attempt, or fails with STORE_UNAVAILABLE where the circuit is open. */
  async run<T>(attempt: () => Promise<Bounded<T>>): Promise<Bounded<T>> {
    // Others would be kept waiting for the one attempt, which may take its whole time-out, before their own began.
    if (this.state === "half-open") return leftAlone();
    try {
      return await this.#policy.execute(async () => {
        const answer = await attempt();
        if (isUnanswered(answer)) throw new Unanswered(answer);
        return answer;
      });
    } catch (error) {
      if (error instanceof Unanswered) return error.answer;
      if (!isBrokenCircuitError(error)) throw error;
      return leftAlone();
    }
  }
}

function leftAlone(): Bounded<never> {
  const message =
    "The store has not answered several times in a row and is left alone for a moment.";
  return {
    outcome: "failed",
    error: new LockstepError("STORE_UNAVAILABLE", message, { retryAfterMs: OPEN_MS }),
  };
}

/** A refusal of the one write is an answer; only silence and a lost connection speak against the store. */
function isUnanswered(answer: Bounded<unknown>): answer is Bounded<never> {
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

class Unanswered extends Error {
  readonly answer: Bounded<never>;

  constructor(answer: Bounded<never>) {
    super("The store did not answer.");
    this.answer = answer;
  }
}
