import { LRUCache } from "lru-cache";
import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import { Reservoir } from "../../../lib/reservoir.ts";
import { contentHash, shortHash } from "../../../model/content-hash.ts";
import type { Entry } from "../../../model/entry.ts";
import type { ChangeStamp } from "../../../store/store-authority-port.ts";
import type {
  CacheContents,
  CacheDigest,
  CacheObservation,
  CachePage,
  CacheSample,
} from "../../cache-port.ts";
import type { CopyCachePort } from "../../copy-cache-port.ts";
import { KeySlots } from "./key-slots.ts";

export interface MemoryCacheOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What all copies together may take, bytes: keys and values in UTF-8, and {@link ENTRY_OVERHEAD_BYTES} for each. */
  readonly maxBytes: number;
}

/** A copy as it is held. The entry is what was put; the text can differ from it only by {@link MemoryCache.overwriteText}. */
interface Held {
  readonly entry: Entry;
  readonly text: string | null;
  readonly stamp: ChangeStamp;
  readonly slot: number;
}

/** The objects, hash and version around one key and value: 640 bytes measured on Node 20, 450 on Node 24. */
export const ENTRY_OVERHEAD_BYTES = 600;

/** How many slots one page of a scan looks at, so that a rare prefix does not hold up the process: less than a millisecond. */
const SCAN_LOOK_MAX = 10_000;

/**
 * Copies in this process. They expire for readers, who compare their data TTL with the clock, and not in here: an
 * expired copy is shown as what it is until it is replaced, removed or evicted.
 */
export class MemoryCache implements CopyCachePort {
  readonly kind = "memory";
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #copies: LRUCache<string, Held>;
  readonly #slots = new KeySlots();
  readonly #scanId: string;

  constructor({ clock, random, maxBytes }: MemoryCacheOptions) {
    this.#clock = clock;
    this.#scanId = random.hex(8);
    this.#maxBytes = maxBytes;
    this.#copies = new LRUCache<string, Held>({
      maxSize: maxBytes,
      sizeCalculation: bytesOf,
      dispose: ({ slot }, _key, reason) => {
        // A copy that takes another one's place takes its slot too.
        if (reason !== "set") this.#slots.release(slot);
      },
    });
  }

  /** A copy that is larger than the whole cache takes the place of an older one and goes at once. */
  put(entry: Entry, stamp: ChangeStamp): "kept" | "older" {
    const held = this.#copies.peek(entry.key);
    if (held !== undefined && held.entry.version > entry.version) return "older";
    this.#hold({ entry, text: entry.value, stamp });
    return "kept";
  }

  get(key: string): { readonly entry: Entry; readonly stamp: ChangeStamp } | undefined {
    const held = this.#copies.get(key);
    if (held === undefined) return undefined;
    const { entry, text, stamp } = held;
    return { entry: entry.value === text ? entry : { ...entry, value: text }, stamp };
  }

  remove(key: string): void {
    this.#copies.delete(key);
  }

  /**
   * Changes the text of a copy and nothing else of it, as a bug or a debugger would: what verification must find.
   * For tests and the demonstration; no service knows of it.
   */
  overwriteText(key: string, text: string): "overwritten" | "absent" {
    const held = this.#copies.peek(key);
    if (held === undefined) return "absent";
    this.#hold({ ...held, text });
    return "overwritten";
  }

  async ping(): Promise<void> {}

  async observe(keys: readonly string[]): Promise<readonly CacheObservation[]> {
    const nowMs = this.#clock.nowMs();
    return keys.map((key) => observed(key, this.#copies.peek(key), nowMs));
  }

  async contents(keys: readonly string[]): Promise<readonly CacheContents[]> {
    const seen = await this.observe(keys);
    return seen.map(({ ttlMs: _ttl, metaTtlMs: _metaTtl, ...contents }) => contents);
  }

  async digests(keys: readonly string[]): Promise<readonly CacheDigest[]> {
    const seen = await this.observe(keys);
    return seen.map(({ key, value, foreignType, meta, markerSeq, nowMs }) => {
      const valueBytes = value === undefined ? undefined : Buffer.byteLength(value.text);
      return { key, valueBytes, foreignType, meta, markerSeq, nowMs };
    });
  }

  async timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]> {
    const nowMs = this.#clock.nowMs();
    return keys.map((key) => {
      const held = this.#copies.peek(key);
      return held === undefined || held.text === null ? undefined : timeToLive(held.entry, nowMs);
    });
  }

  async scan({
    prefix = "",
    cursor,
    limit,
  }: {
    readonly prefix?: string;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<CachePage> {
    const fromSlot = Number(cursor ?? 0);
    const page = this.#slots.page({ fromSlot, prefix, limit, lookMax: SCAN_LOOK_MAX });
    return { keys: page.keys, cursor: page.nextSlot?.toString() };
  }

  async scanId(): Promise<string> {
    return this.#scanId;
  }

  async sample({
    prefix = "",
    size,
    random,
  }: {
    readonly prefix?: string;
    readonly size: number;
    readonly random: Random;
  }): Promise<CacheSample> {
    const chosen = new Reservoir<string>(size, random);
    for (const key of this.#copies.keys()) if (key.startsWith(prefix)) chosen.add(key);
    return { keys: chosen.items, total: chosen.seen };
  }

  /** Copies are of what the store has already, so none is ever pending. */
  async countPending(): Promise<number> {
    return 0;
  }

  async memoryBytes(): Promise<number> {
    return this.#copies.calculatedSize;
  }

  async close(): Promise<void> {
    this.#copies.clear();
  }

  #hold(copy: Omit<Held, "slot">): void {
    const { key } = copy.entry;
    const standing = this.#copies.peek(key);
    if (bytesOf(copy, key) > this.#maxBytes) {
      this.#copies.delete(key);
      return;
    }
    this.#copies.set(key, { ...copy, slot: standing?.slot ?? this.#slots.take(key) });
  }
}

function bytesOf({ text }: Pick<Held, "text">, key: string): number {
  const textBytes = text === null ? 0 : Buffer.byteLength(text);
  return Buffer.byteLength(key) + textBytes + ENTRY_OVERHEAD_BYTES;
}

/** The hash is that of the text as it is held now, never the remembered one, so that a changed text shows. */
function observed(key: string, held: Held | undefined, nowMs: number): CacheObservation {
  const nothing = { key, value: undefined, foreignType: undefined, markerSeq: undefined, nowMs };
  if (held === undefined) return { ...nothing, meta: undefined, ttlMs: null, metaTtlMs: null };
  const { entry, text } = held;
  const ttlMs = timeToLive(entry, nowMs);
  return {
    ...nothing,
    value: text === null ? undefined : { text, isText: true, hash: contentHash(text) },
    meta: {
      version: entry.version,
      shortHash: shortHash(entry.hash),
      expiresAtMs: entry.expiresAtMs,
      tombstone: entry.value === null,
      sessionId: entry.sessionId,
      interactionId: entry.interactionId,
    },
    ttlMs,
    metaTtlMs: ttlMs,
  };
}

function timeToLive({ expiresAtMs }: Entry, nowMs: number): number | null {
  return expiresAtMs === null ? null : Math.max(0, expiresAtMs - nowMs);
}
