import type { Clock } from "../lib/clock.ts";
import { type InTurn, within } from "../lib/deadline.ts";
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
  /** How long of that it may wait for its place, milliseconds. */
  readonly placeMs: number;
  readonly batch: BatchOptions;
  /** Tells the cache of a batch that has landed, before the callers hear of it. */
  readonly tell?: (versions: ShadowVersions) => Promise<ReadonlyMap<string, Told>>;
  /** Hears of each entry of a batch that landed after its callers were told that it had not. */
  readonly onLate: (entry: Entry, landed: LandedLate) => void;
  /**
   * Hears of what has landed without anyone knowing whether its epoch has passed, since the store did not tell: also
   * where no caller waits any more, whom it is told as failed.
   */
  readonly onUnchecked: (versions: ShadowVersions, cause: unknown) => void;
}

export type LandedLate = Pick<Landed<never>, "version" | "isLeftBehind">;

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

/** Hears once what became of an entry. One that was never begun is not sent any more. */
export type AnswerLanded<Told> = (answer: InTurn<Landed<Told>>) => void;

/**
 * From one write of a key to the next where nobody waits for it, milliseconds. A key that is written without pause then
 * costs the store 100 writes a second at most, and lags by this much more, which leaves its lag below 15 ms.
 */
const REST_MS = 10;

interface LandedBatch {
  readonly versions: ShadowVersions;
  /** Why the store did not take an entry, by key. */
  readonly refused: ReadonlyMap<string, unknown>;
  /** By entry: of one key, the cache may have minted an older write before it lost state, and the newest after. */
  readonly leftBehind: ReadonlySet<Entry>;
}

interface Caller<Told> {
  readonly entry: Entry;
  readonly sinceMs: number;
  readonly isWaiting: boolean;
  readonly answer: AnswerLanded<Told>;
  isAnswered: boolean;
}

/** The writes of one key that go together. */
interface Slot<Told> {
  /** The one that is sent: the shadow would refuse the older ones anyway. */
  newest: Entry;
  /** That of the entry which was prepared first. */
  life: StatementLife;
  readonly callers: Caller<Told>[];
  /** Where its callers are watched over, one by one: ends that. */
  watched: AbortController | undefined;
}

type Slots<Told> = Map<string, Slot<Told>>;

interface Batch<Told> {
  readonly slots: Slots<Told>;
  /** Since when its keys count as under way. */
  setOutMs: number | undefined;
  /** Ends the wait for company; like the others here, aborted with a reason, as an error would be made without one, stack and all. */
  readonly full: AbortController;
}

/**
 * Group commit: writes that come while others are on their way to the store go together, as one bulk and one
 * acknowledgement. A write that comes alone does not wait. The pool bounds how many batches are under way.
 *
 * A key is under way once at a time. What is written to it meanwhile is held, the newest of it only, and goes with the first
 * batch that begins once the one before has ended; so a hot key costs the store one write for each of its own
 * round trips, however often it is written, takes no more than one place, and holds up no other key. Where nobody waits
 * for what is held, the key also rests between two writes.
 */
export class DirectSync<Told> {
  readonly #parts: DirectSyncParts<Told>;
  #open: Batch<Told> | undefined;
  readonly #underWay = new Set<string>();
  readonly #held: Slots<Told> = new Map();
  /** Keys that count as under way although they are not; ends their rest. */
  readonly #resting = new Map<string, AbortController>();

  constructor(parts: DirectSyncParts<Told>) {
    this.#parts = parts;
  }

  /** Brings an entry into the shadow. `done` means landed, and the cache was told as far as it listened. */
  apply(entry: Entry, life: StatementLife): Promise<InTurn<Landed<Told>>> {
    return new Promise((resolve) => {
      this.#add(entry, life, { answer: resolve, isWaiting: true });
    });
  }

  /** The same where nobody waits: `answer` is called when it is known. */
  applyBehind(entry: Entry, life: StatementLife, answer: AnswerLanded<Told>): void {
    this.#add(entry, life, { answer, isWaiting: false });
  }

  #add(entry: Entry, life: StatementLife, terms: Pick<Caller<Told>, "answer" | "isWaiting">): void {
    const sinceMs = this.#parts.clock.monotonicMs();
    const caller: Caller<Told> = { ...terms, entry, sinceMs, isAnswered: false };
    const slot = { newest: entry, life, callers: [caller], watched: undefined };
    if (this.#underWay.has(entry.key)) this.#hold(slot);
    else this.#join(slot);
  }

  #join(slot: Slot<Told>): void {
    const batch = this.#open ?? this.#begin();
    this.#enter(batch.slots, slot);
    if (batch.slots.size >= this.#parts.batch.sizeMax) this.#seal(batch);
  }

  /** From here on each of its callers has a time limit of its own: that of a batch begins with the batch. */
  #hold(slot: Slot<Told>): void {
    this.#watch(this.#enter(this.#held, slot));
    if (slot.callers.some(({ isWaiting }) => isWaiting))
      this.#resting.get(slot.newest.key)?.abort("awaited");
  }

  #enter(slots: Slots<Told>, slot: Slot<Told>): Slot<Told> {
    const { key } = slot.newest;
    const known = slots.get(key);
    if (known === undefined) {
      slots.set(key, slot);
      return slot;
    }
    known.newest = newerOf(slot.newest, known.newest);
    known.life = earlierLife(known.life, slot.life);
    known.callers.push(...slot.callers);
    if (slot.watched !== undefined) {
      slot.watched.abort("joined");
      this.#watch(known);
    }
    return known;
  }

  #watch(slot: Slot<Told>): void {
    if (slot.watched !== undefined) return;
    slot.watched = new AbortController();
    void this.#giveUpInTime(slot, slot.watched.signal);
  }

  async #giveUpInTime({ callers }: Slot<Told>, signal: AbortSignal): Promise<void> {
    const { clock, limitMs } = this.#parts;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      let nextMs = nowMs + limitMs;
      for (const caller of callers) {
        const untilMs = caller.sinceMs + limitMs;
        if (caller.isAnswered) continue;
        if (untilMs <= nowMs) tell(caller, { outcome: "timed_out" });
        else nextMs = Math.min(nextMs, untilMs);
      }
      await clock.sleep(nextMs - nowMs, signal);
    }
  }

  #begin(): Batch<Told> {
    const batch: Batch<Told> = {
      slots: new Map(),
      setOutMs: undefined,
      full: new AbortController(),
    };
    this.#open = batch;
    void Promise.resolve().then(() => this.#deliver(batch));
    return batch;
  }

  #seal(batch: Batch<Told>): void {
    if (this.#open === batch) this.#open = undefined;
    batch.full.abort("sealed");
  }

  async #deliver(batch: Batch<Told>): Promise<void> {
    let answer: InTurn<LandedBatch>;
    try {
      answer = await this.#send(batch);
    } catch (error) {
      answer = { outcome: "failed", error };
    }
    this.#seal(batch);
    this.#end(batch);
    const told = answer.outcome === "done" ? await this.#tell(batch, answer.value) : undefined;
    for (const slot of batch.slots.values()) this.#answer(slot, answer, told);
  }

  async #send(batch: Batch<Told>): Promise<InTurn<LandedBatch>> {
    const { pool, circuit, clock, limitMs, placeMs, batch: options } = this.#parts;
    // With nothing under way there is no company to wait for.
    if (pool.load.active > 0 && options.windowMs > 0)
      await clock.sleep(options.windowMs, batch.full.signal);
    const land = () => {
      // Whoever came while the batch waited for its place goes with it.
      this.#seal(batch);
      this.#setOut(batch);
      return this.#land(batch);
    };
    const onLate = (late: LandedBatch) => this.#landedLate(batch, late);
    return circuit.run(() => pool.run(land, { limitMs, placeMs, onLate }));
  }

  /** Keys that another batch has taken along since they came are held. */
  #setOut(batch: Batch<Told>): void {
    for (const [key, slot] of batch.slots) {
      if (this.#underWay.has(key)) {
        batch.slots.delete(key);
        this.#hold(slot);
      } else {
        this.#underWay.add(key);
      }
    }
    batch.setOutMs = this.#parts.clock.monotonicMs();
  }

  /** One that did not answer in time has ended too: should it land later, the shadow takes what is newer. */
  #end({ slots, setOutMs }: Batch<Told>): void {
    if (setOutMs === undefined) return;
    const restMs = setOutMs + REST_MS - this.#parts.clock.monotonicMs();
    for (const key of slots.keys()) {
      const isAwaited = this.#held.get(key)?.callers.some(({ isWaiting }) => isWaiting) ?? true;
      if (isAwaited || restMs <= 0) this.#release(key);
      else void this.#rest(key, restMs);
    }
  }

  async #rest(key: string, restMs: number): Promise<void> {
    const over = new AbortController();
    this.#resting.set(key, over);
    await this.#parts.clock.sleep(restMs, over.signal);
    this.#resting.delete(key);
    this.#release(key);
  }

  #release(key: string): void {
    this.#underWay.delete(key);
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#join(held);
  }

  /** Durable first, then the look whether the cache that minted the writes is still the one that decides. */
  async #land({ slots }: Batch<Told>): Promise<LandedBatch> {
    const { store, epochs, onUnchecked } = this.#parts;
    const newest: Entry[] = [];
    const entries: Entry[] = [];
    let life: StatementLife | undefined;
    for (const slot of slots.values()) {
      newest.push(slot.newest);
      life = life === undefined ? slot.life : earlierLife(life, slot.life);
      for (const { entry } of slot.callers) entries.push(entry);
    }
    if (life === undefined)
      return { versions: new Map(), refused: new Map(), leftBehind: new Set() };
    const applied = await applyEntries(store, newest, life, "ASYNC_THREAD");
    try {
      return { ...applied, leftBehind: await epochs.leftBehind(entries) };
    } catch (error) {
      onUnchecked(applied.versions, error);
      throw error;
    }
  }

  async #tell(
    { slots }: Batch<Told>,
    landed: LandedBatch,
  ): Promise<ReadonlyMap<string, Told> | undefined> {
    const { clock, tell } = this.#parts;
    const versions = versionsToTell(slots, landed);
    if (tell === undefined || versions.size === 0) return undefined;
    const told = await within(clock, CALL_MARGIN_MS, tell(versions));
    return told.outcome === "done" ? told.value : undefined;
  }

  #answer(
    { newest: { key }, callers, watched }: Slot<Told>,
    answer: InTurn<LandedBatch>,
    told: ReadonlyMap<string, Told> | undefined,
  ): void {
    watched?.abort("answered");
    for (const caller of callers) {
      if (answer.outcome !== "done") {
        tell(caller, answer);
        continue;
      }
      const { versions, refused, leftBehind } = answer.value;
      if (refused.has(key)) {
        tell(caller, { outcome: "failed", error: refused.get(key) });
        continue;
      }
      const version = versions.get(key) ?? caller.entry.version;
      const isLeftBehind = leftBehind.has(caller.entry);
      if (caller.isAnswered) this.#parts.onLate(caller.entry, { version, isLeftBehind });
      else
        tell(caller, { outcome: "done", value: { version, told: told?.get(key), isLeftBehind } });
    }
  }

  #landedLate({ slots }: Batch<Told>, { versions, leftBehind }: LandedBatch): void {
    for (const [key, { callers }] of slots) {
      const version = versions.get(key);
      if (version === undefined) continue;
      for (const { entry } of callers)
        this.#parts.onLate(entry, { version, isLeftBehind: leftBehind.has(entry) });
    }
  }
}

function tell<Told>(caller: Caller<Told>, answer: InTurn<Landed<Told>>): void {
  if (caller.isAnswered) return;
  caller.isAnswered = true;
  caller.answer(answer);
}

/** A cache that was left behind is told nothing: it is recovered, or not asked any more. */
function versionsToTell<Told>(
  slots: Slots<Told>,
  { versions, leftBehind }: LandedBatch,
): ShadowVersions {
  if (leftBehind.size === 0) return versions;
  const isTold = (entry: Entry | undefined) => entry !== undefined && !leftBehind.has(entry);
  return new Map([...versions].filter(([key]) => isTold(slots.get(key)?.newest)));
}
