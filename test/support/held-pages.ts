import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A whole collection takes some 50 ms. */
const COLLECT_EVERY = 16;

/**
 * Counts how many of the pages that were read are still held by somebody: the garbage collector is asked now and then, so
 * the answer is about what could be freed, and not about how much memory there happens to be.
 */
export class HeldPages {
  readonly #pages: WeakRef<object>[] = [];
  readonly #collect: () => void;
  #heldMax = 0;

  constructor() {
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as () => void;
  }

  get pages(): number {
    return this.#pages.length;
  }

  /** The most pages that were found to be held at once. */
  get heldMax(): number {
    return this.#heldMax;
  }

  /** Takes note of a page that was just read, and gives it back. */
  async take<T extends object>(page: T): Promise<T> {
    this.#pages.push(new WeakRef(page));
    // What a weak reference was made of or asked for stays until the turn is over.
    await nextTurn();
    if (this.#pages.length % COLLECT_EVERY !== 0) return page;
    this.#collect();
    const held = this.#pages.filter((one) => one.deref() !== undefined).length;
    this.#heldMax = Math.max(this.#heldMax, held);
    return page;
  }
}
