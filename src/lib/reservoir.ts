import type { Random } from "./random.ts";

/** Keeps some of any number of items that pass by one after the other: whatever their number, each is kept with the same chance. */
export class Reservoir<T> {
  readonly #size: number;
  readonly #random: Random;
  readonly #items: T[] = [];
  #seen = 0;

  constructor(size: number, random: Random) {
    this.#size = size;
    this.#random = random;
  }

  /** Those that are kept, in no order that means anything. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** How many have passed. */
  get seen(): number {
    return this.#seen;
  }

  add(item: T): void {
    this.#seen += 1;
    if (this.#items.length < this.#size) {
      this.#items.push(item);
      return;
    }
    // The last of n items is kept with chance size/n, in the place of any of the others.
    const place = Math.floor(this.#random.fraction() * this.#seen);
    if (place < this.#size) this.#items[place] = item;
  }
}
