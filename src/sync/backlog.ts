import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CachePort } from "../cache/cache-port.ts";
import type { OutboxPort } from "../store/outbox-port.ts";

/** Up to this many journal keys are looked up in the outbox, so that a write is not counted in both. */
const EXACT_LIMIT = 1000;

export interface BacklogCount {
  /** Outbox events not processed, plus journal writes that their call has left behind and no event stands for. */
  readonly unprocessed: number;
  /** Outbox events not processed, parked ones too. */
  readonly events: number;
  /** Those of the outbox events that are parked. */
  readonly parked: number;
  /** Writes whose direct call may still be under way. */
  readonly pending: number;
}

/** Counts what the shadow does not have yet. */
export class Backlog {
  readonly #cache: CachePort;
  readonly #journal: CacheAuthorityPort | undefined;
  readonly #outbox: OutboxPort;
  readonly #callLimitMs: number;

  /** `callLimitMs`: after this long a call has ended one way or the other, so its pending write is left behind. */
  constructor(
    cache: CachePort,
    journal: CacheAuthorityPort | undefined,
    outbox: OutboxPort,
    callLimitMs: number,
  ) {
    this.#cache = cache;
    this.#journal = journal;
    this.#outbox = outbox;
    this.#callLimitMs = callLimitMs;
  }

  /** Errors: STORE_UNAVAILABLE, CACHE_UNAVAILABLE. */
  async count(): Promise<BacklogCount> {
    const [events, parked, all, old] = await Promise.all([
      this.#outbox.countUnprocessed(),
      this.#outbox.countDead(),
      this.#cache.countPending(0),
      this.#cache.countPending(this.#callLimitMs),
    ]);
    return {
      unprocessed: events + (await this.#journalOnly(old, events)),
      events,
      parked,
      pending: Math.max(0, all - old),
    };
  }

  /** Of the old markers, those without an event: an event's key keeps its marker until the shadow has it. */
  async #journalOnly(old: number, events: number): Promise<number> {
    if (old === 0 || this.#journal === undefined) return 0;
    if (events === 0) return old;
    const keys = await this.#journal.pendingOlderThan({
      ageMs: this.#callLimitMs,
      limit: EXACT_LIMIT,
    });
    const withEvent = await this.#outbox.unprocessedOf(keys);
    return Math.max(0, old - withEvent.size);
  }
}
