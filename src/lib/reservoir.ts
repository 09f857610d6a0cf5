import type { Random } from "./random.ts";

/**
 * Keeps some of any number of items that pass by one after the other: whatever their number, each is kept with the same
 * chance. One that comes again while it is kept is passed over, as scans may show a key more than once.
 */
export class Reservoir<T> {
  readonly #size: number;
  readonly #random: Random;
  readonly #items: T[] = [];
  readonly #kept = new Set<T>();
  #seen = 0;

  constructor(size: number, random: Random) {
    this.#size = size;
    this.#random = random;
  }

  /** Those that are kept, in no order that means anything. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** How many have passed, not counting those that came again while they were kept. */
  get seen(): number {
    return this.#seen;
  }

  add(item: T): void {
    if (this.#kept.has(item)) return;
    this.#seen += 1;
    const isFull = this.#items.length >= this.#size;
    // The last of n items is kept with chance size/n, in the place of any of the others.
    const place = isFull ? Math.floor(this.#random.fraction() * this.#seen) : this.#items.length;
    if (place >= this.#size) return;
    const replaced = this.#items[place];
    if (replaced !== undefined) this.#kept.delete(replaced);
    this.#items[place] = item;
    this.#kept.add(item);
  }
}
