import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Version } from "../model/version.ts";

/** Between two attempts, milliseconds: a cache that is down is not asked more often than its link asks it. */
const RETRY_MS = 1000;

/** So many keys are remembered at most: those that came last. */
const ENTRIES_MAX = 10_000;

/** So many settlings under way at once: one round trip for all of them. */
const WIDTH = 50;

/**
 * Unpinned: what shadow or outbox has and the cache could not be told of, because it did not answer. It is told again
 * and again until it answers, after a loss of its state too: settling drops what is older, and is harmless whenever it
 * comes. Without that, a reader who looked at the shadow before the write landed could fill what it saw, and the key
 * would stay stale until somebody writes or repairs it.
 */
export class OwedSettlings {
  readonly #cache: Pick<CacheAuthorityPort, "settle">;
  readonly #clock: Clock;
  readonly #log: Log;
  /** By key the newest: whatever is older than that is dropped with it. */
  readonly #versions = new Map<string, Version>();
  readonly #stopped = new AbortController();
  #forgotten = 0;
  #running: Promise<void> | undefined;

  constructor(parts: {
    readonly cache: Pick<CacheAuthorityPort, "settle">;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#cache = parts.cache;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Shadow or outbox has this version, and the cache has not answered when it was told. */
  add(key: string, version: Version, cause: unknown): void {
    const known = this.#versions.get(key);
    if (this.#stopped.signal.aborted || (known !== undefined && known >= version)) return;
    // To the end of the order, by which the oldest goes first.
    this.#versions.delete(key);
    this.#versions.set(key, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > ENTRIES_MAX && oldest !== undefined) {
      this.#versions.delete(oldest);
      this.#forgotten += 1;
    }
    if (this.#running !== undefined) return;
    this.#log.warn(
      { err: cause, key },
      "A write could not be settled in the cache; it is told again",
    );
    this.#running = this.#run();
  }

  /** Resolves after a last attempt, where anything is owed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (this.#versions.size > 0) {
      await this.#clock.sleep(RETRY_MS, signal);
      await this.#settleAll();
      if (signal.aborted) break;
    }
    this.#running = undefined;
    if (this.#forgotten + this.#versions.size === 0) return;
    this.#log.warn(
      { count: this.#forgotten + this.#versions.size },
      "Writes were never settled in the cache: it may hold older values of their keys",
    );
    this.#forgotten = 0;
  }

  /** Ends early where the cache answers none of those that are asked together. */
  async #settleAll(): Promise<void> {
    for (const some of chunksOf([...this.#versions], WIDTH)) {
      const settled = await Promise.all(some.map(([key, version]) => this.#settle(key, version)));
      if (!settled.includes(true)) return;
    }
  }

  async #settle(key: string, version: Version): Promise<boolean> {
    try {
      await this.#cache.settle(key, version);
    } catch (error) {
      this.#log.debug({ err: error, key }, "The cache still cannot be told of a write");
      return false;
    }
    // A newer one may be owed by now.
    if (this.#versions.get(key) === version) this.#versions.delete(key);
    return true;
  }
}
