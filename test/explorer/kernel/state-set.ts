// In Jest a look-up of a global costs far more than the function that it finds, so it is fetched once.
const { imul } = Math;

/**
 * The states seen so far, as 64-bit fingerprints of their numbers, numbered in the order of arrival. With a million
 * states the chance that two share a fingerprint, and one is overlooked, is about one in forty million.
 */
export class StateSet {
  #slots = new Int32Array(1 << 14).fill(NONE);
  #mask = (1 << 14) - 1;
  #high = new Int32Array(1 << 13);
  #low = new Int32Array(1 << 13);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of the state that these tell from every other, and whether it is new. */
  add(numbers: readonly number[]): { readonly index: number; readonly isNew: boolean } {
    const high = fingerprintOf(numbers, 0x811c9dc5);
    const low = fingerprintOf(numbers, 0x9747b28c);
    let slot = low & this.#mask;
    for (;;) {
      const index = this.#slots[slot] as number;
      if (index === NONE) break;
      if (this.#high[index] === high && this.#low[index] === low) return { index, isNew: false };
      slot = (slot + 1) & this.#mask;
    }
    const index = this.#size;
    this.#slots[slot] = index;
    this.#high[index] = high;
    this.#low[index] = low;
    this.#size += 1;
    if (this.#size === this.#high.length) this.#grow();
    return { index, isNew: true };
  }

  #grow(): void {
    this.#high = doubled(this.#high);
    this.#low = doubled(this.#low);
    this.#slots = new Int32Array(this.#slots.length * 2).fill(NONE);
    this.#mask = this.#slots.length - 1;
    for (let index = 0; index < this.#size; index += 1) {
      let slot = (this.#low[index] as number) & this.#mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index;
    }
  }
}

const NONE = -1;

export function doubled(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

function fingerprintOf(numbers: readonly number[], seed: number): number {
  let hash = seed;
  for (let i = 0; i < numbers.length; i += 1) {
    const scrambled = imul(imul(numbers[i] as number, 0xcc9e2d51), seed | 1);
    hash ^= imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
    hash = imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  const once = imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  const twice = imul(once ^ (once >>> 12), 0x297a2d39);
  return twice ^ (twice >>> 15);
}
