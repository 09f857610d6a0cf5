import { randomInt } from "node:crypto";
import type { Random } from "../../src/lib/random.ts";

/** The same seed gives the same sequence on every machine. Not for secrets. */
export class SeededRandom implements Random {
  readonly seed: number;
  #state: number;

  /** `seed` is an integer below 2^32. */
  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  hex(bytes: number): string {
    return Array.from({ length: bytes }, () =>
      (this.#next() >>> 24).toString(16).padStart(2, "0"),
    ).join("");
  }

  /** An integer from 0 up to, but not including, `below`. */
  integer(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** One of `choices`, which must not be empty. */
  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError("There is nothing to pick from.");
    return choices[this.integer(choices.length)]!;
  }

  /** A source of its own: what is drawn from it moves nothing here. */
  fork(): SeededRandom {
    return new SeededRandom(this.integer(2 ** 32));
  }

  /** SplitMix32: a Weyl sequence through two rounds of multiply and shift. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}

/**
 * A test body with its own random source: `it("…", seeded(async (random) => { … }))`. Each run takes
 * another seed; a failure names it, and `LOCKSTEP_TEST_SEED` repeats it.
 */
export function seeded(body: (random: SeededRandom) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const wanted = process.env["LOCKSTEP_TEST_SEED"];
    const random = new SeededRandom(wanted === undefined ? randomInt(2 ** 32) : Number(wanted));
    try {
      await body(random);
    } catch (error) {
      throw nameSeed(error, random.seed);
    }
  };
}

/** The error itself is kept, so that the report still points at the failed line. */
function nameSeed(error: unknown, seed: number): unknown {
  const note = `LOCKSTEP_TEST_SEED=${seed} repeats this failure.`;
  if (!(error instanceof Error)) return new Error(note, { cause: error });
  const { message, stack } = error;
  error.message = `${message}\n\n${note}`;
  error.stack = stack?.replace(message, () => error.message) ?? error.message;
  return error;
}
