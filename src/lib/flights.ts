/**
 * Work of which only so much may be under way at once. One failure keeps the rest of what has begun from nothing;
 * whoever starts the work looks at {@link hasFailed} before taking on more, and hears of the failure in the end.
 */
export class Flights {
  readonly #widthMax: number;
  readonly #underWay = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  constructor(widthMax: number) {
    this.#widthMax = widthMax;
  }

  get hasFailed(): boolean {
    return this.#failures.length > 0;
  }

  /** Begins `work`, and resolves when there is room for more. */
  async begin(work: () => Promise<void>): Promise<void> {
    const flight = work()
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => this.#underWay.delete(flight));
    this.#underWay.add(flight);
    if (this.#underWay.size >= this.#widthMax) await Promise.race(this.#underWay);
  }

  /** Resolves when nothing is under way any more; fails as the first failure did. */
  async land(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.hasFailed) throw this.#failures[0];
  }
}
