import type { CachePort } from "../cache/cache-port.ts";
import { LockstepError } from "../model/lockstep-error.ts";

export interface TtlReport {
  readonly keys: readonly {
    readonly key: string;
    readonly ttlMs: number | null;
    readonly expiring: boolean;
  }[];
  /** Keys in the cache under the prefix in all, as counted for the first answer of a listing. */
  readonly total: number;
  /** Where to go on; null at the end. */
  readonly cursor: string | null;
}

export interface TtlRequest {
  readonly prefix?: string;
  readonly limit: number;
  /** Keys with less left than this are marked. */
  readonly expiringWithinMs: number;
  readonly cursor?: string;
  readonly signal: AbortSignal;
}

/** A page of the cache's own scan, and how many of its keys an earlier answer has already given. */
interface Place {
  readonly page: string | undefined;
  readonly skip: number;
}

/** What a cursor carries: where to go on, and what was counted for the first answer, so that it is counted once. */
interface Resumption {
  readonly place: Place;
  readonly total: number;
}

const BEGINNING: Place = { page: undefined, skip: 0 };

const SCAN_LIMIT = 500;

/** Lists the time to live of cached keys, the ones closest to expiry first within each answer. */
export class TtlLister {
  readonly #cache: CachePort;

  constructor(cache: CachePort) {
    this.#cache = cache;
  }

  /** Errors: CACHE_UNAVAILABLE, INPUT_INVALID for a cursor that is not ours, ABORTED. */
  async list(request: TtlRequest): Promise<TtlReport> {
    const resumed = decodeCursor(request.cursor);
    const { keys, next } = await this.#collect(request, resumed?.place ?? BEGINNING);
    const times = await this.#cache.timesToLive(keys);
    const rows = keys
      .map((key, i) => ({ key, ttlMs: times[i] }))
      .filter((row): row is { key: string; ttlMs: number | null } => isAlive(row.ttlMs))
      .map(({ key, ttlMs }) => ({
        key,
        ttlMs,
        expiring: ttlMs !== null && ttlMs <= request.expiringWithinMs,
      }))
      .sort(
        (a, b) => (a.ttlMs ?? Number.POSITIVE_INFINITY) - (b.ttlMs ?? Number.POSITIVE_INFINITY),
      );
    // A listing that is over with its first answer has met every key already.
    const isWhole = resumed === undefined && next === undefined;
    const total = resumed?.total ?? (isWhole ? rows.length : await this.#count(request));
    const cursor = next === undefined ? null : encodeCursor({ place: next, total });
    return { keys: rows, total, cursor };
  }

  async #collect(
    { prefix, limit, signal }: TtlRequest,
    from: Place,
  ): Promise<{ readonly keys: readonly string[]; readonly next: Place | undefined }> {
    const keys: string[] = [];
    let place: Place | undefined = from;
    while (place !== undefined && keys.length < limit) {
      stopIfAborted(signal);
      const page = await this.#page(prefix, place.page);
      const fresh = page.keys.slice(place.skip, place.skip + limit - keys.length);
      keys.push(...fresh);
      const taken: number = place.skip + fresh.length;
      if (taken < page.keys.length) place = { page: place.page, skip: taken };
      else place = page.cursor === undefined ? undefined : { page: page.cursor, skip: 0 };
    }
    // A scan may show a key twice.
    return { keys: [...new Set(keys)], next: place };
  }

  async #count({ prefix, signal }: TtlRequest): Promise<number> {
    let total = 0;
    let cursor: string | undefined;
    do {
      stopIfAborted(signal);
      const page = await this.#page(prefix, cursor);
      const times = await this.#cache.timesToLive(page.keys);
      total += times.filter(isAlive).length;
      cursor = page.cursor;
    } while (cursor !== undefined);
    return total;
  }

  #page(prefix: string | undefined, cursor: string | undefined) {
    return this.#cache.scan({
      limit: SCAN_LIMIT,
      ...(prefix === undefined ? {} : { prefix }),
      ...(cursor === undefined ? {} : { cursor }),
    });
  }
}

/** What has expired may stand in a cache for a while, where no reader is told of it. */
function isAlive(ttlMs: number | null | undefined): boolean {
  return ttlMs === null || (ttlMs !== undefined && ttlMs > 0);
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new LockstepError("ABORTED", "The listing was cancelled.");
}

function encodeCursor({ place: { page, skip }, total }: Resumption): string {
  return Buffer.from(JSON.stringify([page ?? null, skip, total])).toString("base64url");
}

function decodeCursor(cursor: string | undefined): Resumption | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [page, skip, total] = JSON.parse(
      Buffer.from(cursor, "base64url").toString(),
    ) as unknown[];
    if ((page === null || typeof page === "string") && isCount(skip) && isCount(total)) {
      return { place: { page: page ?? undefined, skip }, total };
    }
  } catch {
    // Told below, like any other text that is not a cursor.
  }
  throw new LockstepError(
    "INPUT_INVALID",
    "The cursor is not one that get_cache_ttl_info has given.",
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
