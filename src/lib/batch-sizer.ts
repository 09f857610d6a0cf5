/** The first batch: small enough also where every item is as large as one can be. */
const FIRST_ITEMS = 8;

/** How much larger a batch may be than the one before it. */
const GROWTH_MAX = 4;

/**
 * Sizes batches by the bytes of those before: many small items go together, large ones in small company, so that one
 * step never asks for more than it can carry in its time. Begins small, because nothing is known then.
 */
export class BatchSizer {
  readonly #itemsMax: number;
  readonly #bytesMax: number;
  #items: number;

  constructor({ itemsMax, bytesMax }: { readonly itemsMax: number; readonly bytesMax: number }) {
    this.#itemsMax = itemsMax;
    this.#bytesMax = bytesMax;
    this.#items = Math.min(FIRST_ITEMS, itemsMax);
  }

  /** How many items the next batch may have, at least one. */
  get items(): number {
    return this.#items;
  }

  /** Takes note of a batch that was loaded. */
  saw(items: number, bytes: number): void {
    if (items === 0) return;
    const fitting = Math.floor(this.#bytesMax / Math.max(1, bytes / items));
    this.#items = Math.max(1, Math.min(fitting, this.#items * GROWTH_MAX, this.#itemsMax));
  }
}
