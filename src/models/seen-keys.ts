/** Tells the keys that come a second time, as long as there are not too many of them to remember. */
export class SeenKeys {
  readonly #max: number;
  readonly #keys = new Set<string>();
  #hasForgotten = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a key was new that could not be remembered, so that it may be taken for new again. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Whether this key has not come before, as far as that is remembered. */
  isNew(key: string): boolean {
    if (this.#keys.has(key)) return false;
    if (this.#keys.size < this.#max) this.#keys.add(key);
    else this.#hasForgotten = true;
    return true;
  }
}
