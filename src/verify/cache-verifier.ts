import type { CachePort } from "../cache/cache-port.ts";
import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Backlog } from "../sync/backlog.ts";
import { type CopyClass, isIssue } from "./classify.ts";
import { drawSample } from "./draw-sample.ts";
import { type PassPage, passOver } from "./full-pass.ts";
import {
  type Compared,
  type Found,
  type Inspection,
  type Looker,
  withoutContents,
} from "./looker.ts";
import { Orphans } from "./orphans.ts";
import { decodePass, encodePass, type PassPlace, type PassState } from "./pass-cursor.ts";
import { judgeSample, type SampleFigures } from "./sample-figures.ts";
import { Tally } from "./tally.ts";

/** So many suspects are held back before they are confirmed: few enough to look at again in one go. */
const SUSPECTS_MAX = 200;

/** Sees a drift of 0.3 %. */
const SAMPLE_SIZE = 1000;

/** Keys of a sample that are looked at together: few, as their values may be as large as values can be. */
const SAMPLE_TOGETHER = 50;

export interface VerifyRequest {
  /** full (where nothing is said): every key. sample: some that chance picks. */
  readonly mode?: "full" | "sample" | undefined;
  readonly prefix?: string | undefined;
  /** How many keys a sample has. */
  readonly sampleSize?: number | undefined;
  /** Of a full pass: stop after about so many keys, and tell where to go on. */
  readonly limit?: number | undefined;
  /** Where an earlier call has stopped; prefix and what is compared go with it. */
  readonly cursor?: string | undefined;
  readonly compared?: Compared | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many keys have been checked, and about how many there are. */
  readonly progress?: (done: number, total: number) => void;
  /** Hears of keys whose class is an issue, contents left out, some at a time; the pass waits until it has dealt with them. */
  readonly onIssues?: ((found: readonly Inspection[]) => Promise<void>) | undefined;
}

export interface SyncReport {
  readonly mode: "full" | "sample";
  readonly compared: Compared;
  readonly unprocessedOutboxEvents: number;
  readonly keysChecked: number;
  readonly counts: Readonly<Record<CopyClass, number>>;
  /** Keys of the issue classes, as far as they fit. */
  readonly mismatches: readonly Found[];
  readonly truncated: boolean;
  /** Of this call and those before it that it goes on with. */
  readonly pass: {
    readonly keysChecked: number;
    readonly issues: number;
    /** Whether every key was checked. */
    readonly complete: boolean;
    /** Where to go on; null at the end, and for a sample. */
    readonly cursor: string | null;
  };
  readonly sample: SampleFigures | null;
  readonly stale: {
    readonly keys: readonly string[];
    readonly count: number;
    readonly thresholdHours: number;
  };
  /** Keys that the store has outside every known namespace: a warning, never an issue. */
  readonly orphaned: {
    readonly keys: readonly string[];
    readonly count: number;
    readonly namespaces: readonly string[];
  };
  /** No issue in the pass so far. */
  readonly healthy: boolean;
  readonly tookMs: number;
}

export interface CacheVerifierParts {
  readonly cache: CachePort;
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly looker: Looker;
  readonly backlog: Backlog;
  readonly clock: Clock;
  readonly random: Random;
  readonly staleAfterHours: number;
  /** What the keys of each known namespace begin with; without any, all keys are known. */
  readonly namespaces?: readonly string[];
}

/** What becomes of the keys that a call looks at. */
interface Sums {
  readonly tally: Tally;
  readonly orphans: Orphans;
}

type Checked = Pick<SyncReport, "pass" | "sample"> & {
  readonly prefix: string;
  readonly compared: Compared;
};

/** Compares many keys and changes nothing. What it keeps in memory does not grow with the number of keys. */
export class CacheVerifier {
  readonly #parts: CacheVerifierParts;

  constructor(parts: CacheVerifierParts) {
    this.#parts = parts;
  }

  /** Errors: INPUT_INVALID (also a cursor that is not of this store's), CACHE_UNAVAILABLE, STORE_UNAVAILABLE, ABORTED. */
  async verify(request: VerifyRequest = {}): Promise<SyncReport> {
    const { clock, store, backlog, staleAfterHours, namespaces = [] } = this.#parts;
    checkTogether(request);
    const startedMs = clock.monotonicMs();
    const [tally, orphans] = [new Tally(), new Orphans(namespaces)];
    const sums = { tally, orphans };
    const mode = request.mode ?? "full";
    const { prefix, compared, pass, sample } =
      mode === "full" ? await this.#pass(request, sums) : await this.#sample(request, sums);
    const stale = await store.staleEntries({
      beforeMs: clock.nowMs() - staleAfterHours * 3_600_000,
      limit: NAMED_KEYS_MAX,
      prefix,
    });
    const { unprocessed } = await backlog.count();
    return {
      mode,
      compared,
      unprocessedOutboxEvents: unprocessed,
      keysChecked: tally.keysChecked,
      counts: tally.counts,
      mismatches: tally.mismatches,
      truncated: tally.issues > tally.mismatches.length,
      pass,
      sample,
      stale: { ...stale, thresholdHours: staleAfterHours },
      orphaned: { keys: orphans.keys, count: orphans.count, namespaces },
      healthy: pass.issues === 0,
      tookMs: clock.monotonicMs() - startedMs,
    };
  }

  async #pass(request: VerifyRequest, { tally, orphans }: Sums): Promise<Checked> {
    const { store, looker } = this.#parts;
    const begun = await this.#begin(request);
    const { prefix, compared } = begun;
    const left = Math.max(0, (await store.countRows(prefix)) - begun.inStore.keys);
    const total = Math.min(left, request.limit ?? left);
    const sums = { store: { ...begun.inStore }, cache: { ...begun.inCache } };
    const add = (found: readonly Found[], side: Side) => {
      const issuesBefore = tally.issues;
      tally.add(found);
      if (side === "store") orphans.add(found);
      const { keys, issues } = sums[side];
      sums[side] = {
        keys: keys + found.length,
        issues: issues + tally.issues - issuesBefore,
      };
      request.progress?.(tally.keysChecked, Math.max(total, tally.keysChecked));
    };
    const suspects = new Suspects({ looker, tell: add, onIssues: request.onIssues });
    let place: PassPlace | undefined = begun.place;
    for await (const page of passOver(this.#parts, {
      prefix,
      compared,
      from: begun.place,
      limit: request.limit,
    })) {
      stopIfAborted(request.signal);
      if (page.again) sums.cache = { keys: 0, issues: 0 };
      add(page.sweep.settled, page.side);
      await suspects.hold(page.sweep.suspects, page.side);
      place = page.next;
    }
    await suspects.confirm();
    const state = { ...begun, inStore: sums.store, inCache: sums.cache };
    return {
      prefix,
      compared,
      sample: null,
      pass: {
        keysChecked: sums.store.keys + sums.cache.keys,
        issues: sums.store.issues + sums.cache.issues,
        complete: place === undefined,
        cursor: place === undefined ? null : encodePass({ ...state, place }),
      },
    };
  }

  async #begin({ cursor, prefix, compared }: VerifyRequest): Promise<PassState> {
    const storeId = await this.#parts.store.storeId();
    if (cursor === undefined) {
      return {
        storeId,
        prefix: prefix ?? "",
        compared: compared ?? "contents",
        place: { side: "store", after: null },
        inStore: { keys: 0, issues: 0 },
        inCache: { keys: 0, issues: 0 },
      };
    }
    const state = decodePass(cursor);
    if (state.storeId !== storeId)
      throw new LockstepError("INPUT_INVALID", "The cursor is of a pass over another store.");
    if (
      (prefix ?? state.prefix) !== state.prefix ||
      (compared ?? state.compared) !== state.compared
    )
      throw new LockstepError(
        "INPUT_INVALID",
        "The cursor is of a pass with another prefix, or one that compares something else; leave both out to go on with it.",
      );
    return state;
  }

  async #sample(request: VerifyRequest, { tally, orphans }: Sums): Promise<Checked> {
    const { looker } = this.#parts;
    const { prefix = "", compared = "contents", sampleSize = SAMPLE_SIZE, signal } = request;
    const drawn = await drawSample(this.#parts, { prefix, size: sampleSize, signal });
    const stored = new Set(drawn.storedKeys);
    const add = (found: readonly Found[]) => {
      tally.add(found);
      orphans.add(found.filter(({ key }) => stored.has(key)));
      request.progress?.(tally.keysChecked, drawn.keys.length);
    };
    const suspects = new Suspects({ looker, tell: add, onIssues: request.onIssues });
    for (const keys of chunksOf(drawn.keys, SAMPLE_TOGETHER)) {
      stopIfAborted(signal);
      const sweep = await looker.sweepKeys(keys, compared);
      add(sweep.settled);
      await suspects.hold(sweep.suspects, "store");
    }
    await suspects.confirm();
    const { keysChecked, issues } = tally;
    return {
      prefix,
      compared,
      pass: { keysChecked, issues, complete: drawn.isAll, cursor: null },
      sample: judgeSample({ ...drawn, checked: keysChecked, issues }),
    };
  }
}

type Side = PassPage["side"];

interface SuspectsParts {
  readonly looker: Looker;
  readonly tell: (found: readonly Found[], side: Side) => void;
  readonly onIssues: VerifyRequest["onIssues"];
}

/** Suspects are held back and confirmed together, since confirming may have to wait. */
class Suspects {
  readonly #parts: SuspectsParts;
  readonly #held: { readonly inspection: Inspection; readonly side: Side }[] = [];

  constructor(parts: SuspectsParts) {
    this.#parts = parts;
  }

  async hold(inspections: readonly Inspection[], side: Side): Promise<void> {
    for (const inspection of inspections) this.#held.push({ inspection, side });
    if (this.#held.length >= SUSPECTS_MAX) await this.confirm();
  }

  async confirm(): Promise<void> {
    const held = this.#held.splice(0);
    if (held.length === 0) return;
    const { looker, tell, onIssues } = this.#parts;
    const confirmed = await looker.confirm(held.map(({ inspection }) => inspection));
    const issues = confirmed.filter(({ verdict }) => isIssue(verdict.copyClass));
    if (issues.length > 0) await onIssues?.(issues.map(withoutContents));
    for (const side of ["store", "cache"] as const) {
      const found = confirmed.filter((_, i) => held[i]?.side === side).map(foundBy);
      if (found.length > 0) tell(found, side);
    }
  }
}

function foundBy({ look, verdict }: Inspection): Found {
  return { key: look.cache.key, copyClass: verdict.copyClass };
}

function checkTogether({ mode, sampleSize, limit, cursor }: VerifyRequest): void {
  if (mode === "sample" && (limit !== undefined || cursor !== undefined))
    throw new LockstepError(
      "INPUT_INVALID",
      "limit and cursor are of a full pass, not of a sample.",
    );
  if (mode !== "sample" && sampleSize !== undefined)
    throw new LockstepError("INPUT_INVALID", "sampleSize belongs to mode sample.");
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new LockstepError("ABORTED", "The verification was cancelled.");
}
