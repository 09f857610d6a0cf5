import type { Clock } from "./clock.ts";
import type { Bounded, InTurn, Settled } from "./deadline.ts";

export type CircuitState = "closed" | "half-open" | "open";

export interface CircuitOptions {
  readonly clock: Clock;
  /** So many failures in a row open the circuit. */
  readonly failuresToOpen: number;
  /** How long the other side is left alone before one attempt may try it again, milliseconds. */
  readonly openMs: number;
  /** Whether an answer speaks against the other side, and not against the one attempt. */
  readonly isFailure: (answer: Bounded<unknown>) => boolean;
  /** What an attempt fails with that is not made. */
  readonly leftAlone: () => unknown;
}

type Failed = Extract<Settled<never>, { readonly outcome: "failed" }>;

/**
 * Circuit breaker: stops asking another side that does not answer, so that an attempt fails at once and not after its
 * whole time-out.
 *
 * - *closed*: attempts pass; so many failures in a row open it.
 * - *open*: attempts fail at once; the first one after {@link CircuitOptions.openMs} is the probe.
 * - *half-open*: the probe is under way, and all others fail at once, since it may take its whole time-out. Answered,
 *   it closes the circuit; else the circuit is open again from then on.
 *
 * Attempts that began while it was closed may end in any state. Their answers close it too, and their failures count
 * only while it is closed.
 */
export class Circuit {
  readonly #options: CircuitOptions;
  #state: CircuitState = "closed";
  #failures = 0;
  #openedAtMs = 0;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Makes the attempt, or answers as {@link CircuitOptions.leftAlone} says. */
  async run<A extends InTurn<unknown>>(attempt: () => Promise<A>): Promise<A | Failed> {
    if (this.#state !== "closed" && !this.#mayProbe())
      return { outcome: "failed", error: this.#options.leftAlone() };
    const isProbe = this.#state === "open";
    if (isProbe) this.#state = "half-open";
    let answer: A | undefined;
    try {
      answer = await attempt();
    } finally {
      // Never made, or a defect of ours: no word about the other side. The next attempt is the probe then.
      const saysNothing = answer === undefined || answer.outcome === "never_begun";
      if (saysNothing && isProbe && this.#state === "half-open") this.#state = "open";
    }
    if (answer.outcome === "never_begun") return answer;
    if (this.#options.isFailure(answer)) this.#failed(isProbe);
    else this.#close();
    return answer;
  }

  #mayProbe(): boolean {
    const { clock, openMs } = this.#options;
    return this.#state === "open" && clock.monotonicMs() - this.#openedAtMs >= openMs;
  }

  #failed(isProbe: boolean): void {
    if (this.#state === "closed") this.#failures += 1;
    const isEnough =
      this.#state === "closed"
        ? this.#failures >= this.#options.failuresToOpen
        : isProbe && this.#state === "half-open";
    if (!isEnough) return;
    this.#state = "open";
    this.#openedAtMs = this.#options.clock.monotonicMs();
  }

  #close(): void {
    this.#state = "closed";
    this.#failures = 0;
  }
}
