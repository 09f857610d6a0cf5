import type { Clock } from "../lib/clock.ts";
import { type Bounded, within } from "../lib/deadline.ts";
import { type Entry, newerOf } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import { earlierLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import { applyEntries } from "./apply-around-refusals.ts";
import { CALL_MARGIN_MS } from "./call-margin.ts";
import type { EpochCheck } from "./epoch-check.ts";
import type { StoreCircuit } from "./store-circuit.ts";
import type { SyncPool } from "./sync-pool.ts";

type ShadowVersions = ReadonlyMap<string, Version>;

export interface DirectSyncParts<Told> {
  readonly store: StorePort;
  readonly epochs: EpochCheck;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly clock: Clock;
  /** How long one batch may take, its wait for a place included, milliseconds. */
  readonly limitMs: number;
  readonly batch: BatchOptions;
  /** Tells the cache of a batch that has landed, before the callers hear of it. */
  readonly tell?: (versions: ShadowVersions) => Promise<ReadonlyMap<string, Told>>;
  /** Hears of each entry of a batch that landed after its callers were told that it had not. */
  readonly onLate: (entry: Entry, version: Version) => void;
}

export interface BatchOptions {
  /** A batch with this many keys goes at once. */
  readonly sizeMax: number;
  /** How long a batch waits for company while others are under way, milliseconds. */
  readonly windowMs: number;
}

export interface Landed<Told> {
  /** What the shadow has now: the entry's own version or a newer one. */
  readonly version: Version;
  /** What the cache answered; undefined where it was not to be told, or did not answer. */
  readonly told: Told | undefined;
  /** Its epoch has passed: the cache that minted it has lost state, or another one has taken its place. */
  readonly isLeftBehind: boolean;
}

interface LandedBatch {
  readonly versions: ShadowVersions;
  /** Why the store did not take an entry, by key. */
  readonly refused: ReadonlyMap<string, unknown>;
  /** By entry: of one key, the cache may have minted an older write before it lost state, and the newest after. */
  readonly leftBehind: ReadonlySet<Entry>;
}

interface Batch<Told> {
  /** The newest entry of each key: the shadow would refuse the older ones anyway. */
  readonly newest: Map<string, Entry>;
  readonly entries: Entry[];
  /** That of the entry which was prepared first. */
  life: StatementLife;
  /** Ends the wait for company. */
  readonly full: AbortController;
  readonly outcome: Promise<Bounded<LandedBatch & { told: ReadonlyMap<string, Told> | undefined }>>;
}

/**
 * Group commit: writes that come while others are on their way to the store go together, as one bulk and one
 * acknowledgement, and a key that is written many times meanwhile is written once. A write that comes alone does not
 * wait. The pool bounds how many batches are under way.
 */
export class DirectSync<Told> {
  readonly #parts: DirectSyncParts<Told>;
  #open: Batch<Told> | undefined;

  constructor(parts: DirectSyncParts<Told>) {
    this.#parts = parts;
  }

  /** Brings an entry into the shadow. `done` means landed, and the cache was told as far as it listened. */
  async apply(entry: Entry, life: StatementLife): Promise<Bounded<Landed<Told>>> {
    const batch = this.#join(entry, life);
    const answer = await batch.outcome;
    if (answer.outcome !== "done") return answer;
    const { versions, refused, leftBehind, told } = answer.value;
    if (refused.has(entry.key)) return { outcome: "failed", error: refused.get(entry.key) };
    const version = versions.get(entry.key) ?? entry.version;
    const isLeftBehind = leftBehind.has(entry);
    return { outcome: "done", value: { version, told: told?.get(entry.key), isLeftBehind } };
  }

  #join(entry: Entry, life: StatementLife): Batch<Told> {
    const batch = this.#open ?? this.#begin(life);
    batch.life = earlierLife(batch.life, life);
    batch.entries.push(entry);
    const known = batch.newest.get(entry.key);
    batch.newest.set(entry.key, known === undefined ? entry : newerOf(entry, known));
    if (batch.newest.size >= this.#parts.batch.sizeMax) this.#seal(batch);
    return batch;
  }

  #begin(life: StatementLife): Batch<Told> {
    const parts = {
      life,
      newest: new Map<string, Entry>(),
      entries: [] as Entry[],
      full: new AbortController(),
    };
    const batch: Batch<Told> = {
      ...parts,
      outcome: Promise.resolve().then(() => this.#send(batch)),
    };
    this.#open = batch;
    return batch;
  }

  #seal(batch: Batch<Told>): void {
    if (this.#open === batch) this.#open = undefined;
    batch.full.abort();
  }

  async #send(batch: Batch<Told>): ReturnType<() => Batch<Told>["outcome"]> {
    const { pool, circuit, clock, limitMs, tell, batch: options } = this.#parts;
    // With nothing under way there is no company to wait for.
    if (pool.load.active > 0 && options.windowMs > 0)
      await clock.sleep(options.windowMs, batch.full.signal);
    const land = () => {
      // Whoever came while the batch waited for its place goes with it.
      this.#seal(batch);
      return this.#land(batch);
    };
    const landed = await circuit.run(() =>
      pool.run(land, { limitMs, onLate: (late) => this.#landedLate(batch, late) }),
    );
    this.#seal(batch);
    if (landed.outcome !== "done") return landed;
    const versions = versionsToTell(batch, landed.value);
    const told =
      tell === undefined || versions.size === 0
        ? undefined
        : await within(clock, CALL_MARGIN_MS, tell(versions));
    return {
      outcome: "done",
      value: { ...landed.value, told: told?.outcome === "done" ? told.value : undefined },
    };
  }

  /** Durable first, then the look whether the cache that minted the writes is still the one that decides. */
  async #land({ newest, entries, life }: Batch<Told>): Promise<LandedBatch> {
    const { store, epochs } = this.#parts;
    const applied = await applyEntries(store, [...newest.values()], life, "ASYNC_THREAD");
    return { ...applied, leftBehind: await epochs.leftBehind(entries) };
  }

  #landedLate(batch: Batch<Told>, { versions }: LandedBatch): void {
    for (const entry of batch.entries) {
      const version = versions.get(entry.key);
      if (version !== undefined) this.#parts.onLate(entry, version);
    }
  }
}

/** A cache that was left behind is told nothing: it is recovered, or not asked any more. */
function versionsToTell(
  { newest }: { readonly newest: ReadonlyMap<string, Entry> },
  { versions, leftBehind }: LandedBatch,
): ShadowVersions {
  if (leftBehind.size === 0) return versions;
  const isTold = (entry: Entry | undefined) => entry !== undefined && !leftBehind.has(entry);
  return new Map([...versions].filter(([key]) => isTold(newest.get(key))));
}
