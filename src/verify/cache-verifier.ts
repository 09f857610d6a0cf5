import type { CachePort } from "../cache/cache-port.ts";
import { BatchSizer } from "../lib/batch-sizer.ts";
import type { Clock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Backlog } from "../sync/backlog.ts";
import { CLASSES, type CopyClass, isIssue } from "./classify.ts";
import type { Inspection, Looker } from "./looker.ts";

/** At most this many keys are named in each list of a report. */
export const NAMED_KEYS_MAX = 100;

const PAGE_SIZE = 200;

/** What one page may hold of values on both sides, as far as its size can be foreseen. */
const PAGE_BYTES_MAX = 8_000_000;

/** So many suspects are held back before they are confirmed: few enough to look at again in one go. */
const SUSPECTS_MAX = 200;

export interface SyncReport {
  readonly unprocessedOutboxEvents: number;
  readonly keysChecked: number;
  readonly counts: Readonly<Record<CopyClass, number>>;
  /** Keys of the issue classes, as far as they fit. */
  readonly mismatches: readonly { readonly key: string; readonly copyClass: CopyClass }[];
  readonly truncated: boolean;
  readonly stale: {
    readonly keys: readonly string[];
    readonly count: number;
    readonly thresholdHours: number;
  };
  readonly healthy: boolean;
  readonly tookMs: number;
}

export interface VerifyRequest {
  readonly prefix?: string;
  readonly signal?: AbortSignal;
  /** Hears how many keys have been checked, and about how many there are. */
  readonly progress?: (done: number, total: number) => void;
  /** Hears of keys whose class is an issue, contents left out, some at a time. */
  readonly onIssues?: (found: readonly Inspection[]) => void;
}

export interface CacheVerifierParts {
  readonly cache: CachePort;
  readonly store: StorePort;
  readonly looker: Looker;
  readonly backlog: Backlog;
  readonly clock: Clock;
  readonly staleAfterHours: number;
}

/**
 * Checks every key: first all that the store has, page by page in key order, then what only the cache has. Keeps a
 * page and the suspects in memory, so its need does not grow with the number of keys.
 */
export class CacheVerifier {
  readonly #parts: CacheVerifierParts;

  constructor(parts: CacheVerifierParts) {
    this.#parts = parts;
  }

  /** Errors: CACHE_UNAVAILABLE, STORE_UNAVAILABLE, ABORTED. */
  async verify(request: VerifyRequest = {}): Promise<SyncReport> {
    const { prefix, signal, progress, onIssues } = request;
    const { clock, store, backlog, staleAfterHours } = this.#parts;
    const startedMs = clock.monotonicMs();
    const tally = new Tally();
    const total = await store.countRows();
    for await (const inspections of this.#inspections(prefix)) {
      if (signal?.aborted === true)
        throw new LockstepError("ABORTED", "The verification was cancelled.");
      tally.add(inspections);
      const issues = inspections.filter(({ verdict }) => isIssue(verdict.copyClass));
      if (issues.length > 0) onIssues?.(issues);
      progress?.(tally.keysChecked, Math.max(total, tally.keysChecked));
    }
    const stale = await store.staleEntries({
      beforeMs: clock.nowMs() - staleAfterHours * 3_600_000,
      limit: NAMED_KEYS_MAX,
      ...(prefix === undefined ? {} : { prefix }),
    });
    const { unprocessed } = await backlog.count();
    return {
      unprocessedOutboxEvents: unprocessed,
      keysChecked: tally.keysChecked,
      counts: tally.counts,
      mismatches: tally.mismatches,
      truncated: tally.issues > tally.mismatches.length,
      stale: { ...stale, thresholdHours: staleAfterHours },
      healthy: tally.issues === 0,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  /** All inspections, page by page; suspects are held back and confirmed together, since confirming may have to wait. */
  async *#inspections(prefix: string | undefined): AsyncGenerator<readonly Inspection[]> {
    const { looker } = this.#parts;
    let suspects: Inspection[] = [];
    for await (const page of this.#pages(prefix)) {
      yield page.filter(({ verdict }) => !isIssue(verdict.copyClass));
      const found = page.filter(({ verdict }) => isIssue(verdict.copyClass));
      suspects.push(...found.map(withoutContents));
      if (suspects.length < SUSPECTS_MAX) continue;
      yield await looker.confirm(suspects);
      suspects = [];
    }
    yield await looker.confirm(suspects);
  }

  async *#pages(prefix: string | undefined): AsyncGenerator<readonly Inspection[]> {
    const { looker } = this.#parts;
    const sizer = new BatchSizer({ itemsMax: PAGE_SIZE, bytesMax: PAGE_BYTES_MAX });
    const inspect = async (keys: readonly string[]) => {
      const inspections = await looker.inspectMany(keys);
      sizer.saw(keys.length, bytesOf(inspections));
      return inspections;
    };
    for await (const keys of this.#storedKeys(prefix, sizer)) yield await inspect(keys);
    for await (const keys of this.#cachedKeys(prefix)) {
      for (let start = 0, end = 0; start < keys.length; start = end) {
        end = start + sizer.items;
        const inspections = await inspect(keys.slice(start, end));
        // What has a row was checked in the first sweep, or was written since.
        yield inspections.filter(({ look }) => look.shadow === undefined);
      }
    }
  }

  async *#storedKeys(
    prefix: string | undefined,
    sizer: BatchSizer,
  ): AsyncGenerator<readonly string[]> {
    const bounds = prefix === undefined ? {} : { prefix };
    let after: string | undefined;
    for (;;) {
      const limit = sizer.items;
      const rows = await this.#parts.store.scan({
        ...bounds,
        limit,
        ...(after === undefined ? {} : { afterKey: after }),
      });
      if (rows.length > 0) yield rows.map((row) => row.key);
      after = rows.at(-1)?.key;
      if (rows.length < limit) return;
    }
  }

  async *#cachedKeys(prefix: string | undefined): AsyncGenerator<readonly string[]> {
    const bounds = prefix === undefined ? {} : { prefix };
    let cursor: string | undefined;
    do {
      const page = await this.#parts.cache.scan({
        ...bounds,
        limit: PAGE_SIZE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (page.keys.length > 0) yield [...new Set(page.keys)];
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/** What a report needs of a suspect: a page of large values must not stay in memory until all is confirmed. */
function withoutContents({ look, verdict }: Inspection): Inspection {
  const { cache, shadow } = look;
  const value = cache.value === undefined ? undefined : { ...cache.value, text: "" };
  return {
    verdict,
    look: {
      ...look,
      events: [],
      cache: { ...cache, value },
      shadow: shadow && { ...shadow, value: "" },
    },
  };
}

function bytesOf(inspections: readonly Inspection[]): number {
  return inspections.reduce(
    (bytes, { look }) =>
      bytes + (look.cache.value?.text.length ?? 0) + (look.shadow?.value?.length ?? 0),
    0,
  );
}

class Tally {
  readonly counts = Object.fromEntries(Object.keys(CLASSES).map((name) => [name, 0])) as Record<
    CopyClass,
    number
  >;
  readonly mismatches: { key: string; copyClass: CopyClass }[] = [];
  keysChecked = 0;
  issues = 0;

  add(inspections: readonly Inspection[]): void {
    for (const { look, verdict } of inspections) {
      this.keysChecked += 1;
      this.counts[verdict.copyClass] += 1;
      if (!isIssue(verdict.copyClass)) continue;
      this.issues += 1;
      if (this.mismatches.length < NAMED_KEYS_MAX) {
        this.mismatches.push({ key: look.cache.key, copyClass: verdict.copyClass });
      }
    }
  }
}
