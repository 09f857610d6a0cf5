import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import { closedAfterEach } from "../closed-after-each.ts";

/** The store that every harness' cache is tied to. */
export const STORE_ID = "store-of-this-suite";

/** How long these caches remember a synced tombstone, milliseconds. */
export const GRACE_MS = 60_000;

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

export interface CacheAuthorityOptions {
  /** As Redis names it; noeviction unless told. */
  readonly maxmemoryPolicy?: string;
  /** How long a clean value stays, milliseconds; for ever unless told. */
  readonly residencyMs?: number;
}

/** A new, empty cache for one test. */
export interface CacheAuthorityHarness {
  /** Bound to {@link STORE_ID}. */
  readonly cache: CacheAuthorityPort;
  readonly raw: RawCache;
  /** Another process' connection to the same cache, bound to nothing yet. It recovers lost buckets unless told otherwise. */
  readonly openAnother: (options?: { readonly recovers: boolean }) => Promise<CacheAuthorityPort>;
  /** The cache's clock, milliseconds since 1970. */
  readonly nowMs: () => Promise<number>;
  readonly elapse: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export type OpenCacheAuthorityHarness = (
  options?: CacheAuthorityOptions,
) => Promise<CacheAuthorityHarness>;

/** What another program, an eviction or an operator can do to the cache behind the driver's back. */
export interface RawCache {
  get(key: string): Promise<Buffer | null>;
  set(key: string, bytes: string | Buffer, options?: { readonly ttlMs: number }): Promise<void>;
  /** A key that is no text. */
  setBytesKey(key: Buffer, text: string): Promise<void>;
  append(key: string, text: string): Promise<void>;
  del(key: string): Promise<void>;
  /** Puts a value of another type at the key, in place of what is there. */
  putOther(key: string, type: OtherType): Promise<void>;
  /** All that is at the key, its time to live included, to be compared. */
  contentsOf(key: string): Promise<unknown>;
  /** Lets the meta of the key go, as an eviction does. */
  forgetMeta(key: string): Promise<void>;
  /** Spoils the meta of the key as a bug or a curious person might. */
  spoilMeta(key: string, how: MetaSpoiler): Promise<void>;
  /** How long the fill lease of the key has to live, milliseconds. */
  leaseMsLeft(key: string): Promise<number>;
  /** Ends the fill lease of the key at once. */
  endLease(key: string): Promise<void>;
  /** Makes the bucket of the key remember this as the last seq that it minted. */
  setLastSeq(key: string, seq: number): Promise<void>;
  /** Makes the key's marker so much older, milliseconds. */
  backdateMarker(key: string, ms: number): Promise<void>;
  /** An operator sets another eviction policy. */
  setPolicy(maxmemoryPolicy: string): Promise<void>;
  /** Everything goes: data, states and markers. */
  lose(): Promise<void>;
  /** The server ends and comes back with all of its data; its clients are connected to it again. */
  restart(): Promise<void>;
  /** The value of the key that recovery has set aside. */
  asideOf(key: string): Promise<{ readonly text: string; readonly ttlMs: number } | undefined>;
}

export const OTHER_TYPES = ["list", "hash", "set", "zset", "stream"] as const;
export type OtherType = (typeof OTHER_TYPES)[number];

export const META_SPOILERS = [
  "short text",
  "long text",
  "almost a meta",
  "a deadline that is none",
  "ids that are no JSON",
  "records that break off",
  "more records than there can be",
  "another type",
] as const;
export type MetaSpoiler = (typeof META_SPOILERS)[number];

/** Like {@link closedAfterEach}, for harnesses that take options. */
export function openedForEach<H extends CacheAuthorityHarness>(
  openHarness: (options?: CacheAuthorityOptions) => Promise<H>,
): (options?: CacheAuthorityOptions) => Promise<H> {
  let wanted: CacheAuthorityOptions = {};
  const open = closedAfterEach(() => openHarness(wanted));
  return (options = {}) => {
    wanted = options;
    return open();
  };
}

export async function observeOne(
  cache: CacheAuthorityPort,
  key = "user:1",
): Promise<CacheObservation> {
  const [seen] = await cache.observe([key]);
  return seen!;
}

/** An observation without what passes by itself, for comparing two of them. */
export function stateOf(seen: CacheObservation) {
  const { nowMs: _nowMs, ttlMs, metaTtlMs, ...rest } = seen;
  return { ...rest, valueEnds: ttlMs !== null, metaEnds: metaTtlMs !== null };
}

/** Whether the value ends at that time. The two clocks in an observation are not read at the very same moment. */
export function endsAt(
  { nowMs, ttlMs }: Pick<CacheObservation, "nowMs" | "ttlMs">,
  expiresAtMs: number | null,
): boolean {
  const lateMs = nowMs + (ttlMs ?? Infinity) - (expiresAtMs ?? 0);
  return lateMs <= 0 && lateMs > -1000;
}
