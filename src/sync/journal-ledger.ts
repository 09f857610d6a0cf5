import type { Version } from "../model/version.ts";

/** So many writes are remembered at most: the latest of them. */
const ENTRIES_MAX = 10_000;

/**
 * The writes that this process has acknowledged while only the journal held them, until it sees them in the shadow. If
 * Redis loses state, what is gone can be told by key.
 */
export class JournalLedger {
  readonly #versions = new Map<string, Version>();
  #forgotten = 0;

  /** How many were dropped to make room; should they be lost, nobody can tell. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get size(): number {
    return this.#versions.size;
  }

  acknowledged(key: string, version: Version): void {
    const known = this.#versions.get(key);
    if (known !== undefined && known > version) return;
    // To the end of the order, by which the oldest goes first.
    this.#versions.delete(key);
    this.#versions.set(key, version);
    if (this.#versions.size <= ENTRIES_MAX) return;
    const [oldest] = this.#versions.keys();
    this.#versions.delete(oldest as string);
    this.#forgotten += 1;
  }

  /** The shadow has this version of the key now. */
  landed(key: string, version: Version): void {
    const known = this.#versions.get(key);
    if (known !== undefined && known <= version) this.#versions.delete(key);
  }

  /** Ends the watch over this write, if it has not ended before. Whether it had not. */
  release(key: string, version: Version): boolean {
    return this.#versions.get(key) === version && this.#versions.delete(key);
  }

  entries(): readonly { readonly key: string; readonly version: Version }[] {
    return [...this.#versions].map(([key, version]) => ({ key, version }));
  }
}
