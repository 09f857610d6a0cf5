import type { AckOutcome, CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Route } from "../kv/write-path.ts";
import type { Clock } from "../lib/clock.ts";
import { type Bounded, type InTurn, within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import type { Entry, SyncMethod } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { BucketStatesPort, RowVersion } from "../store/bucket-states-port.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import { isRefusal } from "./apply-around-refusals.ts";
import { CALL_MARGIN_MS } from "./call-margin.ts";
import { type BatchOptions, DirectSync, type Landed, type LandedLate } from "./direct-sync.ts";
import { EpochCheck } from "./epoch-check.ts";
import type { JournalLedger } from "./journal-ledger.ts";
import type { OwedWords, TellCache } from "./owed-words.ts";
import type { StoreCircuit } from "./store-circuit.ts";
import type { SyncPool } from "./sync-pool.ts";
import type { SyncStats } from "./sync-stats.ts";
import { tellOfLandingIn } from "./tell-of-landing.ts";

export interface Delivered {
  readonly method: SyncMethod;
  readonly durable: "shadow" | "outbox" | "journal";
}

/** So many full batches may wait for a place before writes that nobody waits for are left to the sweep. */
const QUEUED_BEHIND_MAX = 2;

interface Appended {
  readonly isLeftBehind: boolean;
}

interface AppendTerms {
  readonly limitMs: number;
  /** Unpinned, the cache has to be told: it was appended after the call had given it up. */
  readonly onLate?: (appended: Appended) => void;
  /** The same: it was appended, and the store did not tell whether its epoch has passed. */
  readonly onUnchecked?: (cause: unknown) => void;
}

export interface CacheFirstDeliveryParts {
  readonly cache: CacheAuthorityPort;
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
  readonly ledger: JournalLedger;
  readonly owed: OwedWords;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when an event was appended, so that it need not wait for the next tick. */
  readonly onEvent: () => void;
  /** Called when the store has left the epoch under which this cache mints, so that the cache is looked at. */
  readonly onLeftBehind: () => void;
  /** Limit of one attempt to reach the store, milliseconds. */
  readonly syncTimeoutMs: number;
  readonly batch: BatchOptions;
}

/**
 * Makes a write durable that the cache has just minted. The order is always: landed, then the look whether its epoch
 * still holds, then the cache is told, then the caller. Only the shadow clears a marker: an event that is appended
 * changes what the caller hears and nothing else, or the value could be evicted while a reader still gets the older
 * shadow.
 */
export class CacheFirstDelivery {
  readonly #parts: CacheFirstDeliveryParts;
  readonly #epochs: EpochCheck;
  readonly #tellOfLanding: TellCache;
  readonly #pinnedSync: DirectSync<AckOutcome>;
  readonly #unpinnedSync: DirectSync<never>;

  constructor(parts: CacheFirstDeliveryParts) {
    this.#parts = parts;
    this.#epochs = new EpochCheck(parts.bucketStates, parts.clock);
    this.#tellOfLanding = tellOfLandingIn(parts);
    const shared = {
      ...parts,
      epochs: this.#epochs,
      limitMs: parts.syncTimeoutMs,
      placeMs: parts.syncTimeoutMs / 2,
      onUnchecked: (versions: ReadonlyMap<string, Version>, cause: unknown) => {
        for (const [key, version] of versions) parts.owed.add(key, version, cause);
      },
    };
    this.#pinnedSync = new DirectSync({
      ...shared,
      tell: (versions) => this.#acknowledge(versions),
      onLate: (entry, landed) => void this.#acknowledgeLate(entry.key, landed),
    });
    this.#unpinnedSync = new DirectSync({
      ...shared,
      onLate: (entry, landed) => void this.#settleLate(entry.key, landed),
    });
  }

  /** `life` began before the cache was asked to mint. */
  deliver(entry: Entry, pinned: boolean, route: Route, life: StatementLife): Promise<Delivered> {
    return pinned ? this.#pinned(entry, route, life) : this.#unpinned(entry, route, life);
  }

  /**
   * The same for a write that the journal holds and that nobody waits for. Where direct batches wait for a place already,
   * it is left to the sweep, which takes of each key only what is newest by then.
   */
  deliverBehind(entry: Entry, route: Route, life: StatementLife): void {
    const { pool, stats } = this.#parts;
    if (route === "event") {
      void this.#concludeBehind(entry, this.#pinnedEvent(entry, life));
      return;
    }
    if (pool.load.queued >= QUEUED_BEHIND_MAX) return;
    this.#pinnedSync.applyBehind(entry, life, (landed) => {
      const isUsual =
        landed.outcome === "done" && !landed.value.isLeftBehind && landed.value.told !== "dropped";
      if (isUsual) stats.directSync("landed");
      // The journal has it, as its caller knows; an event would cost the store more than the sweep does.
      else if (landed.outcome === "never_begun") stats.directSync("failed");
      else void this.#concludeBehind(entry, this.#concludePinned(entry, landed, life));
    });
  }

  /**
   * For a write that its caller saw in the shadow before this class heard of its landing, or that another process has
   * brought there: whether the cache that minted it still decides. Where it does not, the cache of the new epoch is
   * told, and also where that is not known: Error: UNKNOWN_OUTCOME, the store does not tell.
   */
  async checkLanded({ key, version }: RowVersion): Promise<"current" | "left_behind"> {
    try {
      const leftBehind = await this.#epochs.leftBehind([{ key, version }]);
      if (leftBehind.size === 0) return "current";
    } catch (error) {
      this.#parts.owed.add(key, version, error);
      throw error;
    }
    void this.#acknowledgeLate(key, { version, isLeftBehind: true });
    return "left_behind";
  }

  async #concludeBehind(entry: Entry, delivery: Promise<Delivered>): Promise<void> {
    try {
      await delivery;
    } catch (error) {
      this.#parts.log.warn(
        { err: error, key: entry.key },
        "A write that was acknowledged by the cache was overtaken in the store",
      );
    }
  }

  async #pinned(entry: Entry, route: Route, life: StatementLife): Promise<Delivered> {
    if (route === "event") return this.#pinnedEvent(entry, life);
    return this.#concludePinned(entry, await this.#pinnedSync.apply(entry, life), life);
  }

  async #concludePinned(
    entry: Entry,
    landed: InTurn<Landed<AckOutcome>>,
    life: StatementLife,
  ): Promise<Delivered> {
    this.#count(entry, landed);
    // The store has not failed, it was not asked: there were too many before. What the call has left is the outbox's.
    if (landed.outcome === "never_begun")
      return this.#pinnedEvent(entry, life, this.#parts.syncTimeoutMs / 2);
    // The store answers, only not to this document: as an event it is tried again, counted and parked.
    if (landed.outcome === "failed" && isRefusal(landed.error))
      return this.#pinnedEvent(entry, life);
    // The marker is the event: the outbox lives on the server that has just failed to answer.
    if (landed.outcome !== "done") return { method: "EVENT_BASED", durable: "journal" };
    if (landed.value.isLeftBehind) {
      void this.#acknowledgeLate(entry.key, landed.value);
      throw leftBehindError();
    }
    if (landed.value.told === "dropped") {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        "The store already has a newer write of this key than the cache; the copy was dropped.",
      );
    }
    return { method: "ASYNC_THREAD", durable: "shadow" };
  }

  async #pinnedEvent(
    entry: Entry,
    life: StatementLife,
    limitMs = this.#parts.syncTimeoutMs,
  ): Promise<Delivered> {
    const appended = await this.#append(entry, life, { limitMs });
    if (appended.outcome !== "done") return { method: "EVENT_BASED", durable: "journal" };
    if (appended.value.isLeftBehind) throw this.#leftBehind();
    return { method: "EVENT_BASED", durable: "outbox" };
  }

  async #unpinned(entry: Entry, route: Route, life: StatementLife): Promise<Delivered> {
    // What the store has not used of the call's time is the cache's: a write that is durable should not become unknown
    // because this process or Redis stood still for a moment.
    const { clock, syncTimeoutMs } = this.#parts;
    const deadlineMs = clock.monotonicMs() + 2 * syncTimeoutMs + CALL_MARGIN_MS;
    let mayHaveLanded = false;
    if (route === "direct") {
      const landed = await this.#unpinnedSync.apply(entry, life);
      this.#count(entry, landed);
      if (landed.outcome === "done") {
        if (landed.value.isLeftBehind) throw this.#leftBehindUnsettled(entry.key, landed.value);
        await this.#settle(entry.key, landed.value.version, deadlineMs);
        return { method: "ASYNC_THREAD", durable: "shadow" };
      }
      mayHaveLanded = isUnclear(landed);
    }
    const { version } = entry;
    const appended = await this.#append(entry, life, {
      limitMs: syncTimeoutMs,
      onLate: ({ isLeftBehind }) => void this.#settleLate(entry.key, { version, isLeftBehind }),
      onUnchecked: (cause) => this.#parts.owed.add(entry.key, version, cause),
    });
    if (appended.outcome === "done") {
      if (appended.value.isLeftBehind)
        throw this.#leftBehindUnsettled(entry.key, { version, isLeftBehind: true });
      await this.#settle(entry.key, entry.version, deadlineMs);
      return { method: "EVENT_BASED", durable: "outbox" };
    }
    const withdrawn = await this.#tell(deadlineMs, () =>
      this.#parts.cache.withdraw(entry.key, entry.version),
    );
    if (withdrawn === "kept" || mayHaveLanded || isUnclear(appended)) {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        "The store's answer did not come, and the cache may not hold the write alone.",
      );
    }
    throw new LockstepError(
      "STORE_UNAVAILABLE",
      "The store refused the write, and the cache may not hold it alone.",
    );
  }

  #count({ key }: Entry, landed: InTurn<unknown>): void {
    const { stats, log } = this.#parts;
    stats.directSync(landed.outcome === "done" ? "landed" : "failed");
    if (landed.outcome === "failed") log.debug({ err: landed.error, key }, "Direct sync failed");
  }

  async #append(
    entry: Entry,
    life: StatementLife,
    { limitMs, onLate, onUnchecked }: AppendTerms,
  ): Promise<Bounded<Appended>> {
    const { circuit, clock, onEvent, log } = this.#parts;
    const appended = await circuit.run(async () => {
      const work = this.#appendAndLook(entry, life, onUnchecked);
      const answer = await within(clock, limitMs, work);
      if (answer.outcome === "timed_out") {
        work.then(onLate, () => undefined);
      }
      return answer;
    });
    if (appended.outcome === "done") onEvent();
    if (appended.outcome === "failed")
      log.debug({ err: appended.error, key: entry.key }, "Outbox append failed");
    return appended;
  }

  async #appendAndLook(
    entry: Entry,
    life: StatementLife,
    onUnchecked?: (cause: unknown) => void,
  ): Promise<Appended> {
    await this.#parts.outbox.append([entry], life);
    try {
      const leftBehind = await this.#epochs.leftBehind([entry]);
      return { isLeftBehind: leftBehind.has(entry) };
    } catch (error) {
      onUnchecked?.(error);
      throw error;
    }
  }

  #leftBehind(): LockstepError {
    this.#parts.onLeftBehind();
    return leftBehindError();
  }

  /** Unpinned: a reader that looked at the store before the write landed must not fill the cache, whichever it is. */
  #leftBehindUnsettled(key: string, landed: LandedLate): LockstepError {
    void this.#settleLate(key, landed);
    return leftBehindError();
  }

  /**
   * Pinned: the shadow has these versions. A cache that does not answer now keeps its markers, and the sweep
   * acknowledges later; the writes are durable either way.
   */
  async #acknowledge(
    versions: ReadonlyMap<string, Version>,
  ): Promise<ReadonlyMap<string, AckOutcome>> {
    const acks = [...versions].map(([key, version]) => ({ key, version }));
    for (const { key, version } of acks) this.#parts.ledger.landed(key, version);
    try {
      const outcomes = await this.#parts.cache.acknowledge(acks);
      return new Map(acks.map(({ key }, i) => [key, outcomes[i] as AckOutcome]));
    } catch (error) {
      this.#parts.log.debug(
        { err: error },
        "The cache was not told of synced writes; the sweep will",
      );
      return new Map();
    }
  }

  async #acknowledgeLate(key: string, { version, isLeftBehind }: LandedLate): Promise<void> {
    if (!isLeftBehind) {
      await this.#acknowledge(new Map([[key, version]]));
      return;
    }
    this.#parts.ledger.landed(key, version);
    await this.#tellNewEpoch(key, version);
  }

  /** It landed after recovery had compared the copies, and its marker may be gone, so nobody else would tell the cache. */
  async #tellNewEpoch(key: string, version: Version): Promise<void> {
    this.#parts.onLeftBehind();
    try {
      await this.#tellOfLanding(new Map([[key, version]]));
    } catch (error) {
      this.#parts.owed.add(key, version, error);
    }
  }

  /**
   * Unpinned: the cache must hear of it before the caller does, or a reader could fill what it read of the shadow
   * earlier. A cache that cannot be told leaves the caller with an unknown outcome.
   */
  async #tell<T>(deadlineMs: number, step: () => Promise<T>): Promise<T> {
    const { clock } = this.#parts;
    const told = await within(clock, deadlineMs - clock.monotonicMs(), step());
    if (told.outcome === "done") return told.value;
    throw new LockstepError(
      "UNKNOWN_OUTCOME",
      "The cache stopped answering before it could be told of the write.",
      told.outcome === "failed" ? { cause: told.error } : {},
    );
  }

  /** As {@link #tell}: what the cache does not hear of in this call it is told later, and again until it answers. */
  async #settle(key: string, version: Version, deadlineMs: number): Promise<void> {
    try {
      await this.#tell(deadlineMs, () => this.#parts.cache.settle(key, version));
    } catch (error) {
      this.#parts.owed.add(key, version, error);
      throw error;
    }
  }

  /** Unpinned: a write that landed after its call had failed still owes the cache its settling. */
  async #settleLate(key: string, { version, isLeftBehind }: LandedLate): Promise<void> {
    if (isLeftBehind) {
      await this.#tellNewEpoch(key, version);
      return;
    }
    try {
      await this.#parts.cache.settle(key, version);
    } catch (error) {
      this.#parts.owed.add(key, version, error);
    }
  }
}

/** What is told of a write that is durable, and whose cache does not decide any more. */
export function leftBehindError(): LockstepError {
  return new LockstepError(
    "UNKNOWN_OUTCOME",
    "Redis has lost state since it decided this write, or another Redis has taken its place; the store has the write unless it was overtaken.",
  );
}

/** Whether the step may have been taken although nobody said so. */
function isUnclear(answer: InTurn<unknown>): boolean {
  if (answer.outcome === "failed") return LockstepError.codeOf(answer.error) === "UNKNOWN_OUTCOME";
  return answer.outcome === "timed_out";
}
