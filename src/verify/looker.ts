import type { CacheObservation, CachePort } from "../cache/cache-port.ts";
import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { ShadowEntry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { OutboxEvent, OutboxPort } from "../store/outbox-port.ts";
import { beginLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import { classify, isIssue, type Look, type Verdict } from "./classify.ts";

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
  readonly isCurrentCopy: (key: string, row: ShadowEntry | undefined) => boolean;
}

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

  /** Inspects many keys; suspects are looked at again one by one, with the store's freshest reads. An issue still wants {@link confirm}. */
  async inspectMany(keys: readonly string[]): Promise<readonly Inspection[]> {
    const first = await this.#lookMany(keys);
    return Promise.all(
      first.map(async (look) => {
        const verdict = this.#classify(look);
        return isIssue(verdict.copyClass)
          ? this.#inspectClosely(look.cache.key)
          : { look, verdict };
      }),
    );
  }

  /** `life` is that of a statement which carries what was seen. */
  async inspect(key: string): Promise<Inspection & { readonly life: StatementLife }> {
    const life = beginLife(this.#parts.clock);
    const [inspection] = await this.confirm([await this.#inspectClosely(key)]);
    return { ...(inspection as Inspection), life };
  }

  /** As {@link inspect}, and an issue still wants {@link confirm}: for whoever has a look of earlier to compare it with. */
  async inspectAgain(key: string): Promise<Inspection & { readonly life: StatementLife }> {
    const life = beginLife(this.#parts.clock);
    return { ...(await this.#inspectClosely(key)), life };
  }

  async #lookMany(keys: readonly string[]): Promise<readonly Look[]> {
    const { cache, outbox, store } = this.#parts;
    const seen = await cache.observe(keys);
    const events = await outbox.unprocessedOf(keys);
    const rows = await store.getMany(keys);
    return Promise.all(
      seen.map(async (observation) => {
        const { key } = observation;
        const proven = await this.#provesRemoval(observation);
        return this.#look(observation, events.get(key) ?? [], rows.get(key), proven);
      }),
    );
  }

  async #provesRemoval({ key, meta, value }: CacheObservation): Promise<boolean> {
    if (meta === undefined || meta.tombstone || value !== undefined) return false;
    return this.#parts.provesRemoval(key, meta.version);
  }

  async #inspectClosely(key: string): Promise<Inspection> {
    const { cache, outbox, store } = this.#parts;
    const [seen] = (await cache.observe([key])) as [CacheObservation];
    const events = (await outbox.unprocessedOf([key])).get(key) ?? [];
    const row = await store.get(key);
    const look = this.#look(seen, events, row, await this.#provesRemoval(seen));
    const verdict = this.#classify(look);
    if (!isIssue(verdict.copyClass)) return { look, verdict };

    const eventsAgain = (await outbox.unprocessedOf([key])).get(key) ?? [];
    const [seenAgain] = (await cache.observe([key])) as [CacheObservation];
    if (hasNewEvent(events, eventsAgain) || hasChanged(seen, seenAgain))
      return { look, verdict: inMotion };
    return { look, verdict };
  }

  /**
   * Without markers a write in flight leaves no trace in the cache, so an issue must outlive any call: looks at those
   * that were found so far once more, after one wait for all. Elsewhere they stand as they are.
   */
  async confirm(inspections: readonly Inspection[]): Promise<readonly Inspection[]> {
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
    const after = await this.#inspectClosely(before.look.cache.key);
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

const inMotion: Verdict = {
  copyClass: "pending",
  cause: "The key was written while it was being looked at.",
};

/** A parked event that a newer write has overtaken stands for nothing any more; others are processed in a moment. */
function stillOf(
  events: readonly OutboxEvent[],
  shadow: ShadowEntry | undefined,
): readonly OutboxEvent[] {
  return events.filter(
    (event) => event.dead !== true || shadow === undefined || event.entry.version > shadow.version,
  );
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
