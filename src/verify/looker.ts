import type { CacheContents, CacheObservation, CachePort } from "../cache/cache-port.ts";
import { chunksOf } from "../lib/chunks-of.ts";
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
}

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

/** So many keys are looked at closely at once: each look may hold two values of the largest size. */
const LOOKS_AT_ONCE = 16;

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

  /** `life` is that of a statement which carries what was seen. */
  async inspect(key: string): Promise<Inspection & { readonly life: StatementLife }> {
    const life = beginLife(this.#parts.clock);
    const [inspection] = await this.confirm(await this.#inspectClosely([key]));
    return { ...(inspection as Inspection), life };
  }

  /** As {@link inspect}, and an issue still wants {@link confirm}: for whoever has a look of earlier to compare it with. */
  async inspectAgain(key: string): Promise<Inspection & { readonly life: StatementLife }> {
    const life = beginLife(this.#parts.clock);
    const [inspection] = (await this.#inspectClosely([key])) as [Inspection];
    return { ...inspection, life };
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
    const suspects: string[] = [];
    let bytes = 0;
    for (const contents of seen) {
      const { key, value } = contents;
      const shadow = rows.get(key);
      bytes += (value?.text.length ?? 0) + (shadow?.value?.length ?? 0);
      const { copyClass } = classify(
        {
          cache: isCurrentCopy(key, shadow)
            ? contents
            : { ...contents, value: undefined, meta: undefined },
          events: stillOf(events.get(key) ?? [], shadow),
          shadow,
          removalProven: removed.has(key),
        },
        syncObjectiveMs,
      );
      if (isIssue(copyClass)) suspects.push(key);
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
    const suspects: string[] = [];
    for (const digest of seen) {
      const { key } = digest;
      const shadow = rows.get(key);
      const { copyClass } = classifyDigests(
        {
          cache: isCurrentCopy(key, shadow)
            ? digest
            : { ...digest, valueBytes: undefined, meta: undefined },
          events: stillOf(events.get(key) ?? [], shadow),
          shadow,
          removalProven: removed.has(key),
        },
        syncObjectiveMs,
      );
      if (isIssue(copyClass)) suspects.push(key);
      else settled.push({ key, copyClass });
    }
    return this.#withSuspects(settled, suspects, 0);
  }

  /** Looks at suspects again with the store's freshest reads, a few at a time. */
  async #withSuspects(
    settled: Found[],
    suspects: readonly string[],
    bytes: number,
  ): Promise<Sweep> {
    const issues: Inspection[] = [];
    for (const some of chunksOf(suspects, LOOKS_AT_ONCE)) {
      for (const inspection of await this.#inspectClosely(some)) {
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
    const proven = await Promise.all(candidates.map((one) => this.#provesRemoval(one)));
    return new Set(candidates.filter((_, i) => proven[i]).map(({ key }) => key));
  }

  async #provesRemoval(observation: Removable): Promise<boolean> {
    const { key, meta } = observation;
    if (meta === undefined || !seemsRemoved(observation)) return false;
    return this.#parts.provesRemoval(key, meta.version);
  }

  async #inspectClosely(keys: readonly string[]): Promise<readonly Inspection[]> {
    const { cache, outbox, store } = this.#parts;
    const seen = await cache.observe(keys);
    const events = await outbox.unprocessedOf(keys);
    const rows = await Promise.all(keys.map((key) => store.get(key)));
    const first = await Promise.all(
      seen.map(async (observation, i) => {
        const proven = await this.#provesRemoval(observation);
        const look = this.#look(observation, events.get(observation.key) ?? [], rows[i], proven);
        return { look, verdict: this.#classify(look) };
      }),
    );
    const suspects = keys.filter((_, i) => isIssue((first[i] as Inspection).verdict.copyClass));
    if (suspects.length === 0) return first;

    const eventsAgain = await outbox.unprocessedOf(suspects);
    const seenAgain = new Map(
      (await cache.observe(suspects)).map((observation) => [observation.key, observation]),
    );
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
    const confirmed: Inspection[] = [];
    for (const some of chunksOf(inspections, LOOKS_AT_ONCE)) {
      confirmed.push(...(await Promise.all(some.map((before) => this.#lookAgain(before)))));
    }
    return confirmed;
  }

  async #lookAgain(before: Inspection): Promise<Inspection> {
    if (!isIssue(before.verdict.copyClass)) return before;
    const [after] = (await this.#inspectClosely([before.look.cache.key])) as [Inspection];
    const same =
      after.verdict.copyClass === before.verdict.copyClass &&
      !hasChanged(before.look.cache, after.look.cache);
    return same || !isIssue(after.verdict.copyClass)
      ? after
      : { look: after.look, verdict: inMotion };
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

type Removable = Pick<CacheContents, "key" | "meta"> & { readonly value: unknown };

/** A live meta whose value is gone. */
function seemsRemoved({ meta, value }: Removable): boolean {
  return meta?.tombstone === false && value === undefined;
}

const inMotion: Verdict = {
  copyClass: "pending",
  cause: "The key was written while it was being looked at.",
};

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
export function withoutContents({ look, verdict }: Inspection): Inspection {
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
