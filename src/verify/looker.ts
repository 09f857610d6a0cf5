import type { CacheContents, CacheMeta, CacheObservation, CachePort } from "../cache/cache-port.ts";
import { chunksBySize } from "../lib/chunks-by-size.ts";
import type { Clock } from "../lib/clock.ts";
import type { ShadowContents, ShadowDigest, ShadowEntry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { OutboxEvent, OutboxPort } from "../store/outbox-port.ts";
import { beginLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import {
  type CopyClass,
  classify,
  classifyDigests,
  isIssue,
  type Look,
  type Verdict,
} from "./classify.ts";

export interface Inspection {
  readonly look: Look;
  readonly verdict: Verdict;
  /** About how much of values the look has seen. */
  readonly bytes: number;
}

/** `life` is that of a statement which carries what was seen. */
export type LivingInspection = Inspection & { readonly life: StatementLife };

export interface LookerParts {
  readonly cache: CachePort;
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly clock: Clock;
  readonly syncObjectiveMs: number;
  /** Whether a value that is gone, whose meta has this version, can only have been removed by someone. */
  readonly provesRemoval: (key: string, version: Version) => Promise<boolean>;
  /** Where the cache holds no markers and may drop anything: how long to wait before a third look, milliseconds; 0 = no third look. */
  readonly thirdLookAfterMs: () => number;
  /** Store first: whether a copy may be judged at all, given the row that stands beside it. */
  readonly isCurrentCopy: (key: string, row: Pick<ShadowEntry, "version"> | undefined) => boolean;
  /** Hears of each issue that stands. */
  readonly onIssue?: (inspection: Inspection) => void;
}

/** Whether the values themselves are compared, or only what stands beside them: see {@link classifyDigests}. */
export type Compared = "contents" | "digests";

export interface Found {
  readonly key: string;
  readonly copyClass: CopyClass;
}

/** What a look at many keys has come to. */
export interface Sweep {
  /** Those that are no issue. */
  readonly settled: readonly Found[];
  /** Those that are, without their values; they still want {@link Looker.confirm}. */
  readonly suspects: readonly Inspection[];
  /** About how much of values was read. */
  readonly bytes: number;
}

const NOTHING: Sweep = { settled: [], suspects: [], bytes: 0 };

/** What may be looked at closely at once: many small values, or few large ones, as far as their sizes are known. */
export const CLOSE_LOOKS = { itemsMax: 128, sizeMax: 8_000_000 };

/**
 * Looks at keys so that traffic in flight never counts as drift. The order of the looks is cache, events, shadow: the
 * shadow never goes back and a marker goes only after the shadow has its version, so a write that lands between two
 * looks shows as a newer shadow or a marker, never as a false agreement. Whatever looks like an issue is looked at
 * again: an event that was not there, or any change in the cache, means that the key is in motion.
 */
export class Looker {
  readonly #parts: LookerParts;

  constructor(parts: LookerParts) {
    this.#parts = parts;
  }

  /**
   * Looks at the keys of these rows, which were read a moment ago. A row that is older than the look at the cache can only
   * make a suspect of a key that is in step, never the other way round: it may have been written in between, and then
   * differs from what the cache shows; drift that was there before shows in whatever order the two are read.
   */
  async sweepRows(rows: readonly ShadowContents[]): Promise<Sweep> {
    return this.#sweep(
      rows.map((row) => row.key),
      async () => new Map(rows.map((row) => [row.key, row])),
    );
  }

  /** The same without looking at a value, except of those that seem to be issues. */
  async sweepDigests(rows: readonly ShadowDigest[]): Promise<Sweep> {
    return this.#sweepDigests(
      rows.map((row) => row.key),
      async () => new Map(rows.map((row) => [row.key, row])),
    );
  }

  /** Looks at these keys, the cache first. */
  async sweepKeys(keys: readonly string[], compared: Compared): Promise<Sweep> {
    const { store } = this.#parts;
    return compared === "contents"
      ? this.#sweep(keys, () => store.getMany(keys))
      : this.#sweepDigests(keys, () => store.getDigests(keys));
  }

  async inspect(key: string): Promise<LivingInspection> {
    const life = beginLife(this.#parts.clock);
    const [inspection] = await this.confirm(await this.#inspectClosely([key]));
    return { ...(inspection as Inspection), life };
  }

  /**
   * As {@link inspect}, of several keys in the order asked, and issues still want {@link confirm}: for whoever has looks of
   * earlier to compare these with. No more than {@link CLOSE_LOOKS} together.
   */
  async inspectAgain(keys: readonly string[]): Promise<readonly LivingInspection[]> {
    if (keys.length === 0) return [];
    const life = beginLife(this.#parts.clock);
    return (await this.#inspectClosely(keys)).map((inspection) => ({ ...inspection, life }));
  }

  async #sweep(
    keys: readonly string[],
    readRows: () => Promise<ReadonlyMap<string, ShadowContents>>,
  ): Promise<Sweep> {
    const { cache, outbox, isCurrentCopy, syncObjectiveMs } = this.#parts;
    if (keys.length === 0) return NOTHING;
    const seen = await cache.contents(keys);
    const events = await outbox.unprocessedOf(keys);
    const rows = await readRows();
    const removed = await this.#provenRemovals(seen);
    const settled: Found[] = [];
    const suspects: Suspect[] = [];
    let bytes = 0;
    for (const contents of seen) {
      const { key, value } = contents;
      const shadow = rows.get(key);
      const waiting = events.get(key) ?? [];
      const ofKey = (value?.text.length ?? 0) + (shadow?.value?.length ?? 0);
      bytes += ofKey;
      const { copyClass } = classify(
        {
          cache: isCurrentCopy(key, shadow)
            ? contents
            : { ...contents, value: undefined, meta: undefined },
          events: stillOf(waiting, shadow),
          shadow,
          removalProven: removed.has(key),
        },
        syncObjectiveMs,
      );
      if (isIssue(copyClass)) suspects.push({ key, bytes: ofKey + bytesWaiting(waiting) });
      else settled.push({ key, copyClass });
    }
    return this.#withSuspects(settled, suspects, bytes);
  }

  async #sweepDigests(
    keys: readonly string[],
    readRows: () => Promise<ReadonlyMap<string, ShadowDigest>>,
  ): Promise<Sweep> {
    const { cache, outbox, isCurrentCopy, syncObjectiveMs } = this.#parts;
    if (keys.length === 0) return NOTHING;
    const seen = await cache.digests(keys);
    const events = await outbox.unprocessedOf(keys);
    const rows = await readRows();
    const removed = await this.#provenRemovals(
      seen.map(({ key, meta, valueBytes }) => ({ key, meta, value: valueBytes })),
    );
    const settled: Found[] = [];
    const suspects: Suspect[] = [];
    for (const digest of seen) {
      const { key, valueBytes } = digest;
      const shadow = rows.get(key);
      const waiting = events.get(key) ?? [];
      const { copyClass } = classifyDigests(
        {
          cache: isCurrentCopy(key, shadow)
            ? digest
            : { ...digest, valueBytes: undefined, meta: undefined },
          events: stillOf(waiting, shadow),
          shadow,
          removalProven: removed.has(key),
        },
        syncObjectiveMs,
      );
      if (isIssue(copyClass))
        suspects.push({
          key,
          bytes: (valueBytes ?? 0) + Math.max(0, shadow?.valueBytes ?? 0) + bytesWaiting(waiting),
        });
      else settled.push({ key, copyClass });
    }
    return this.#withSuspects(settled, suspects, 0);
  }

  /** Looks at suspects again with the store's freshest reads, a few at a time. */
  async #withSuspects(
    settled: Found[],
    suspects: readonly Suspect[],
    bytes: number,
  ): Promise<Sweep> {
    const issues: Inspection[] = [];
    for (const some of chunksBySize(suspects, (suspect) => suspect.bytes, CLOSE_LOOKS)) {
      for (const inspection of await this.#inspectClosely(some.map(({ key }) => key))) {
        const { copyClass } = inspection.verdict;
        if (isIssue(copyClass)) issues.push(withoutContents(inspection));
        else settled.push({ key: inspection.look.cache.key, copyClass });
      }
    }
    return { settled, suspects: issues, bytes };
  }

  /** Those whose value somebody has removed; asked for all together, after they were seen. */
  async #provenRemovals(seen: readonly Removable[]): Promise<ReadonlySet<string>> {
    const candidates = seen.filter(seemsRemoved);
    const proven = await Promise.all(
      candidates.map(({ key, meta }) => this.#parts.provesRemoval(key, meta.version)),
    );
    return new Set(candidates.filter((_, i) => proven[i]).map(({ key }) => key));
  }

  async #inspectClosely(keys: readonly string[]): Promise<readonly Inspection[]> {
    const { cache, outbox } = this.#parts;
    const seen = await cache.observe(keys);
    const events = await outbox.unprocessedOf(keys);
    const rows = await this.#rowsOf(keys);
    const removed = await this.#provenRemovals(seen);
    const first = seen.map((observation) => {
      const { key } = observation;
      const removalProven = removed.has(key);
      const look = this.#look(observation, events.get(key) ?? [], rows.get(key), removalProven);
      return { look, verdict: this.#classify(look), bytes: bytesOf(look) };
    });
    const suspects = keys.filter((_, i) => isIssue((first[i] as Inspection).verdict.copyClass));
    if (suspects.length === 0) return first;

    const eventsAgain = await outbox.unprocessedOf(suspects);
    const seenAgain = byKey(await cache.observe(suspects), ({ key }) => key);
    return first.map((inspection, i) => {
      const before = seen[i] as CacheObservation;
      const { key } = before;
      const after = seenAgain.get(key);
      if (after === undefined) return inspection;
      const newEvent = hasNewEvent(events.get(key) ?? [], eventsAgain.get(key) ?? []);
      return newEvent || hasChanged(before, after)
        ? { ...inspection, verdict: inMotion }
        : inspection;
    });
  }

  /** One key alone shares its read with other callers' keys. */
  async #rowsOf(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>> {
    const { store } = this.#parts;
    const [key] = keys;
    if (key === undefined || keys.length > 1) return store.getEach(keys);
    const row = await store.get(key);
    return new Map(row === undefined ? [] : [[key, row]]);
  }

  /**
   * Without markers a write in flight leaves no trace in the cache, so an issue must outlive any call: looks at those
   * that were found so far once more, after one wait for all. Elsewhere they stand as they are.
   */
  async confirm(inspections: readonly Inspection[]): Promise<readonly Inspection[]> {
    const confirmed = await this.#confirmed(inspections);
    const { onIssue } = this.#parts;
    for (const one of confirmed) if (isIssue(one.verdict.copyClass)) onIssue?.(one);
    return confirmed;
  }

  async #confirmed(inspections: readonly Inspection[]): Promise<readonly Inspection[]> {
    const waitMs = this.#parts.thirdLookAfterMs();
    if (waitMs === 0 || !inspections.some(({ verdict }) => isIssue(verdict.copyClass)))
      return inspections;
    await this.#parts.clock.sleep(waitMs);
    const issues = inspections.filter(({ verdict }) => isIssue(verdict.copyClass));
    const again = new Map<string, Inspection>();
    for (const some of chunksBySize(issues, ({ bytes }) => bytes, CLOSE_LOOKS)) {
      const keys = some.map(({ look }) => look.cache.key);
      const looked = byKey(await this.#inspectClosely(keys), ({ look }) => look.cache.key);
      for (const before of some) {
        const { key } = before.look.cache;
        again.set(key, sameOrMoving(before, looked.get(key) as Inspection));
      }
    }
    return inspections.map((before) => again.get(before.look.cache.key) ?? before);
  }

  #look(
    seen: CacheObservation,
    events: readonly OutboxEvent[],
    shadow: ShadowEntry | undefined,
    removalProven: boolean,
  ): Look {
    const cache = this.#parts.isCurrentCopy(seen.key, shadow) ? seen : withoutCopy(seen);
    return { cache, events: stillOf(events, shadow), shadow, removalProven };
  }

  #classify(look: Look): Verdict {
    return classify(look, this.#parts.syncObjectiveMs);
  }
}

/** A key that seems to be an issue, and about how much of values it has. */
interface Suspect {
  readonly key: string;
  readonly bytes: number;
}

type Removable = Pick<CacheContents, "key" | "meta"> & { readonly value: unknown };

/** A live meta whose value is gone. */
function seemsRemoved(seen: Removable): seen is Removable & { readonly meta: CacheMeta } {
  return seen.meta?.tombstone === false && seen.value === undefined;
}

const inMotion: Verdict = {
  copyClass: "pending",
  cause: "The key was written while it was being looked at.",
};

/** What a later look says, unless it shows another issue than the earlier one: then the key is in motion. */
function sameOrMoving(before: Inspection, after: Inspection): Inspection {
  const same =
    after.verdict.copyClass === before.verdict.copyClass &&
    !hasChanged(before.look.cache, after.look.cache);
  return same || !isIssue(after.verdict.copyClass) ? after : { ...after, verdict: inMotion };
}

function byKey<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [keyOf(item), item]));
}

function bytesOf({ cache, events, shadow }: Look): number {
  return (cache.value?.text.length ?? 0) + (shadow?.value?.length ?? 0) + bytesWaiting(events);
}

function bytesWaiting(events: readonly OutboxEvent[]): number {
  return events.reduce((bytes, { entry }) => bytes + (entry.value?.length ?? 0), 0);
}

/** A parked event that a newer write has overtaken stands for nothing any more; others are processed in a moment. */
function stillOf(
  events: readonly OutboxEvent[],
  shadow: Pick<ShadowEntry, "version"> | undefined,
): readonly OutboxEvent[] {
  return events.filter(
    (event) => event.dead !== true || shadow === undefined || event.entry.version > shadow.version,
  );
}

/** What is kept of a suspect until it is confirmed: a page of large values must not stay in memory that long. */
export function withoutContents({ look, verdict, bytes }: Inspection): Inspection {
  const { cache, shadow } = look;
  const value = cache.value && { text: "", isText: cache.value.isText, hash: cache.value.hash };
  return {
    verdict,
    bytes,
    look: {
      ...look,
      events: [],
      cache: { ...cache, value },
      shadow: shadow && { ...shadow, value: "" },
    },
  };
}

function withoutCopy(seen: CacheObservation): CacheObservation {
  return { ...seen, value: undefined, meta: undefined, ttlMs: null, metaTtlMs: null };
}

function hasNewEvent(before: readonly OutboxEvent[], after: readonly OutboxEvent[]): boolean {
  const known = new Set(before.map((event) => event.id));
  return after.some((event) => !known.has(event.id));
}

/** Any change that a writer, an acknowledgement or another program makes; the passing of time is none. */
export function hasChanged(before: CacheObservation, after: CacheObservation): boolean {
  const facts = ({ value, foreignType, meta, markerSeq }: CacheObservation) =>
    JSON.stringify([value?.hash, foreignType, meta, markerSeq]);
  return facts(before) !== facts(after);
}
