import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { type Entry, isDead } from "../model/entry.ts";
import { readWithin } from "../store/read-within.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import { checkSound } from "./check-sound.ts";
import { keepLoaded } from "./keep-copy.ts";
import type { ReadAnswer, ReadPath } from "./read-path.ts";
import type { Durability } from "./write-path.ts";

/**
 * Serves the copy only while nobody else has committed anything since it was made; otherwise the store is asked, which
 * is the authority here, so reading through cannot be switched off.
 */
export class StoreFirstReadPath implements ReadPath {
  readonly #cache: CopyCachePort;
  readonly #authority: StoreAuthorityPort;
  readonly #clock: Clock;

  readonly #storeLimitMs: number;

  /** `storeLimitMs`: how long the store may take to answer a read. */
  constructor(parts: {
    readonly cache: CopyCachePort;
    readonly authority: StoreAuthorityPort;
    readonly clock: Clock;
    readonly storeLimitMs: number;
  }) {
    this.#cache = parts.cache;
    this.#authority = parts.authority;
    this.#clock = parts.clock;
    this.#storeLimitMs = parts.storeLimitMs;
  }

  async read(key: string): Promise<ReadAnswer> {
    const copy = this.#cache.get(key);
    const stamp = this.#authority.changeStamp();
    if (copy !== undefined && stamp !== undefined && copy.stamp === stamp) {
      return this.#answer(copy.entry, "cache", null);
    }
    return this.readStored(key);
  }

  async readStored(key: string): Promise<ReadAnswer> {
    const load = this.#authority.current(key, (loaded, stampThen) =>
      keepLoaded(this.#cache, key, loaded, stampThen),
    );
    const current = await readWithin(this.#clock, this.#storeLimitMs, load);
    if (current === undefined) return { found: false, source: "store" };
    return this.#answer(current.entry, "store", current.from);
  }

  #answer(entry: Entry, source: "cache" | "store", durable: Durability | null): ReadAnswer {
    const nowMs = this.#clock.nowMs();
    if (entry.value === null || isDead(entry, nowMs))
      return { found: false, source, version: entry.version };
    // What is cached was found sound, or written here.
    if (source === "store") checkSound(entry);
    return {
      found: true,
      value: entry.value,
      source,
      version: entry.version,
      expiresAtMs: entry.expiresAtMs,
      nowMs,
      // The store acknowledged it before it was copied; whether row or event holds it now is not known without asking.
      durable: durable ?? null,
    };
  }
}
