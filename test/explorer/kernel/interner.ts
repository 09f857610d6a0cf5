// In Jest a look-up of a global costs far more than the function that it finds, so both are fetched once.
const { stringify } = JSON;

/**
 * Gives every different piece of data a small number, and one object to stand for all that are equal to it. Worlds that
 * share their pieces are told apart by a few numbers instead of their whole text, and need less memory.
 */
export class Interner {
  readonly #numbers = new Map<unknown, number>();
  readonly #numbersByText = new Map<string, number>();
  readonly #pieces: unknown[] = [null];

  /** The number of a piece of plain data that nobody changes any more; 0 for null. */
  numberOf(piece: unknown): number {
    if (piece === null) return 0;
    const known = this.#numbers.get(piece);
    if (known !== undefined) return known;
    const text = stringify(piece);
    let number = this.#numbersByText.get(text);
    if (number === undefined) {
      number = this.#pieces.push(piece) - 1;
      this.#numbersByText.set(text, number);
      this.#numbers.set(piece, number);
    }
    return number;
  }

  /** The piece that stands for all with this number. */
  piece<T>(number: number): T {
    return this.#pieces[number] as T;
  }
}
