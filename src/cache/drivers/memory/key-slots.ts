/** A place in a listing, to go on from; the listing itself is not copied. */
export interface SlotPage {
  readonly keys: readonly string[];
  /** The slot to begin the next page with; undefined at the end. */
  readonly nextSlot: number | undefined;
}

/**
 * Gives each key a numbered slot for as long as it is there, so that a listing can stop and go on by number while keys
 * come and go: a key that stays is passed exactly once. Slots that fall free are used again.
 */
export class KeySlots {
  readonly #keys: (string | undefined)[] = [];
  readonly #free: number[] = [];

  /** The new slot of a key that has none yet. */
  take(key: string): number {
    const slot = this.#free.pop() ?? this.#keys.length;
    this.#keys[slot] = key;
    return slot;
  }

  release(slot: number): void {
    this.#keys[slot] = undefined;
    this.#free.push(slot);
  }

  /** Up to `limit` keys that begin with `prefix`; looks at no more than `lookMax` slots, so a page may be empty. */
  page(page: {
    readonly fromSlot: number;
    readonly prefix: string;
    readonly limit: number;
    readonly lookMax: number;
  }): SlotPage {
    const keys: string[] = [];
    const end = Math.min(page.fromSlot + page.lookMax, this.#keys.length);
    let slot = page.fromSlot;
    for (; slot < end && keys.length < page.limit; slot += 1) {
      const key = this.#keys[slot];
      if (key?.startsWith(page.prefix) === true) keys.push(key);
    }
    return { keys, nextSlot: slot < this.#keys.length ? slot : undefined };
  }
}
