import type { SeededRandom } from "../support/seeded-random.ts";

/** How uneven the usual mix is: at 0.99 the hottest of 100,000 keys gets 8 % of all operations. */
const EXPONENT = 0.99;

/** Draws ranks from 0 to `count` - 1, of which a lower one is drawn more often, by Zipf's law. */
export class Zipf {
  readonly #random: SeededRandom;
  /** At each rank, the chance of that one or a lower one. */
  readonly #upTo: Float64Array;

  constructor(random: SeededRandom, count: number) {
    this.#random = random;
    this.#upTo = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank += 1) {
      sum += (rank + 1) ** -EXPONENT;
      this.#upTo[rank] = sum;
    }
    for (let rank = 0; rank < count; rank += 1) this.#upTo[rank]! /= sum;
  }

  draw(): number {
    const wanted = this.#random.fraction();
    let low = 0;
    let high = this.#upTo.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#upTo[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
