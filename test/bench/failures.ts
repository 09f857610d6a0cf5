/**
 * Calls that failed while something was measured: a machine that falls behind should show in the figure and beside it, and
 * not end the run.
 */
export class Failures {
  readonly #metric: string;
  readonly #say: (text: string) => void;
  #count = 0;

  /** `say` hears of the first. */
  constructor(metric: string, say: (text: string) => void) {
    this.#metric = metric;
    this.#say = say;
  }

  /** To be put behind what was measured; empty where none failed. */
  get told(): string {
    return this.#count === 0 ? "" : ` (${this.#count} calls failed)`;
  }

  /** What the call answers; undefined where it failed. */
  async count<T>(call: Promise<T>): Promise<T | undefined> {
    try {
      return await call;
    } catch (error) {
      this.#count += 1;
      if (this.#count === 1) this.#say(`${this.#metric}: a call failed: ${String(error)}`);
      return undefined;
    }
  }
}
