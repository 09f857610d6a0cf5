import type { CachePort } from "../cache/cache-port.ts";
import { Circuit, type CircuitState } from "../lib/circuit.ts";
import type { Clock } from "../lib/clock.ts";
import { type Bounded, settled } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/** So many calls in a row without an answer open the circuit. */
const FAILURES_TO_OPEN = 5;

/** How long Redis is left alone before it is asked again, milliseconds. A ping costs nobody anything, so not for long. */
const OPEN_MS = 250;

/**
 * Stops asking a Redis that does not answer: a read then goes to the store at once, and a write is refused at once,
 * and not after the whole time-out of a command. No caller waits for the probe: it is a ping in the background, which a
 * call sets off that comes while the circuit is open.
 */
export class CacheCircuit {
  readonly #cache: Pick<CachePort, "ping">;
  readonly #circuit: Circuit;

  constructor({
    cache,
    clock,
  }: {
    readonly cache: Pick<CachePort, "ping">;
    readonly clock: Clock;
  }) {
    this.#cache = cache;
    this.#circuit = new Circuit({
      clock,
      failuresToOpen: FAILURES_TO_OPEN,
      openMs: OPEN_MS,
      isFailure,
      leftAlone,
    });
  }

  get state(): CircuitState {
    return this.#circuit.state;
  }

  /** Makes the call. Errors: those of the call, CACHE_UNAVAILABLE where it is not made. */
  async call<T>(call: () => Promise<T>): Promise<T> {
    if (this.#circuit.state !== "closed") {
      void this.#circuit.run(() => settled(this.#cache.ping()));
      throw leftAlone();
    }
    const answer = await this.#circuit.run(() => settled(call()));
    if (answer.outcome === "done") return answer.value;
    throw answer.error;
  }
}

function leftAlone(): LockstepError {
  const message = "Redis has not answered several times in a row and is left alone for a moment.";
  return new LockstepError("CACHE_UNAVAILABLE", message, { retryAfterMs: OPEN_MS });
}

/** Whatever else a call fails with, Redis has answered. */
function isFailure(answer: Bounded<unknown>): boolean {
  if (answer.outcome !== "failed") return false;
  const code = LockstepError.codeOf(answer.error);
  return code === "CACHE_UNAVAILABLE" || code === "UNKNOWN_OUTCOME";
}
