import { setImmediate as nextTurn } from "node:timers/promises";
import type { SeededRandom } from "../seeded-random.ts";

/** How an application of a test writes its users, by number and version. */
export interface WrittenUsers {
  /** Writes the document, unless it has that version or a newer one. */
  writeDocument(number: number, version: number): Promise<void>;
  writeEntry(number: number, version: number): Promise<void>;
  dropEntry(number: number): Promise<void>;
}

/**
 * One of three applications, by the number of its user: it writes the document and drops the entry, or writes the
 * document and then the entry, or the entry and then the document. It writes its user one write after the other, so that it
 * alone would never leave an older version anywhere.
 */
export class LiveWriter {
  readonly number: number;
  readonly #users: WrittenUsers;
  readonly #random: SeededRandom;
  version = 1;

  constructor(users: WrittenUsers, number: number, random: SeededRandom) {
    this.#users = users;
    this.number = number;
    this.#random = random;
  }

  async write(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      for (let turns = this.#random.integer(20); turns > 0; turns -= 1) await nextTurn();
      const { number } = this;
      const next = this.version + 1;
      if (number % 3 === 2) await this.#users.writeEntry(number, next);
      // Whoever writes the entry first may be overtaken by a reconciliation.
      await this.#users.writeDocument(number, next);
      if (number % 3 === 0) await this.#users.dropEntry(number);
      if (number % 3 === 1) await this.#users.writeEntry(number, next);
      this.version = next;
    }
  }
}
