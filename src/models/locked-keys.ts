import type { Clock } from "../lib/clock.ts";
import { LOCK_MS } from "./entry-settler.ts";

/** The clock of Redis, by which a lock expires, may run a little slower than ours, milliseconds. */
const CLOCKS_APART_MS = 250;

/** So many are kept, also in the checkpoint. A process that dies leaves 50 locks at most; more are held by somebody who lives. */
export const LOCKED_KEYS_MAX = 1_000;

/**
 * Keys that were passed over because somebody held their lock. A run that was killed leaves its locks behind for as long
 * as they live; whoever has met one may come back to its key when it must have expired, unless somebody lives who holds it.
 */
export class LockedKeys {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** Of each key, when a lock that was there when it was first met has expired. */
  readonly #freeByMs = new Map<string, number>();
  /** How many of them an earlier run had passed over. */
  readonly carried: number;

  constructor(clock: Pick<Clock, "monotonicMs">, carried: readonly string[]) {
    this.#clock = clock;
    for (const key of carried) this.add(key);
    this.carried = this.#freeByMs.size;
  }

  get keys(): readonly string[] {
    return [...this.#freeByMs.keys()];
  }

  get size(): number {
    return this.#freeByMs.size;
  }

  /** Keeps a key that was just found locked; answers false where there is no room for it. */
  add(key: string): boolean {
    if (this.#freeByMs.has(key)) return true;
    if (this.#freeByMs.size >= LOCKED_KEYS_MAX) return false;
    this.#freeByMs.set(key, this.#clock.monotonicMs() + LOCK_MS + CLOCKS_APART_MS);
    return true;
  }

  /** Whether whoever holds its lock at that time has taken or renewed it since the key was first met. */
  isHeldByTheLiving(key: string, atMs: number): boolean {
    return atMs >= (this.#freeByMs.get(key) ?? 0);
  }

  delete(key: string): void {
    this.#freeByMs.delete(key);
  }
}
