import { BatchSizer } from "../lib/batch-sizer.ts";
import type { Clock } from "../lib/clock.ts";
import { Flights } from "../lib/flights.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import type { Entry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { OutboxEvent, OutboxPort } from "../store/outbox-port.ts";
import { beginLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "./acknowledger.ts";
import { applyEvents, type RefusedEvent } from "./apply-around-refusals.ts";
import type { JournalSweep } from "./journal-sweep.ts";
import { backoffMs, causeOf, outageRestMs } from "./project-batch.ts";

/**
 * How long a claimed batch belongs to its claimer, milliseconds. Whoever dies with a claim holds its events back for this
 * and an interval, 3.5 s together; a batch that takes longer may be repeated by another process, which changes
 * nothing.
 */
export const LEASE_MS = 1_500;

/** While the store takes one batch, the next is claimed: on MongoDB half as fast again as one by one; more gain nothing. */
const BATCHES_AT_ONCE = 4;

/** What one batch may hold of values, as far as its size can be foreseen. */
const BATCH_BYTES_MAX = 4_000_000;

export interface ProjectorParts {
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly acknowledge: Acknowledge;
  /** Where the cache keeps a journal. */
  readonly sweep: JournalSweep | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly intervalMs: number;
  readonly batchSize: number;
  /** After so many attempts an event that the store refuses is parked. */
  readonly attemptsMax: number;
  /** Hears of each event that was parked, and why. */
  readonly onParked?: (entry: Entry, cause: string) => void;
}

/**
 * Applies what waits to the shadow: every interval, and at once when told of an event. One cycle claims a batch, keeps
 * the newest per key, applies it in one bulk, acknowledges in the cache, and only then marks it processed; it goes on
 * until nothing is left, then sweeps the journal. What the store refuses is taken out of its batch, tried again after
 * a pause, and parked in the end, so that it is in nobody's way; an outage counts for nothing. A crash between any two steps repeats the step, which is harmless,
 * because the shadow only takes newer versions.
 */
export class Projector {
  readonly #parts: ProjectorParts;
  readonly #owner: string;
  readonly #loop: WorkerLoop;
  #failing = false;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
    this.#owner = parts.random.hex(8);
    this.#loop = new WorkerLoop(parts.clock, parts.intervalMs, (signal) => this.#cycle(signal));
  }

  start(): void {
    this.#loop.start();
  }

  /** An event was appended: do not wait for the next tick. */
  nudge(): void {
    this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Applies all that waits, once; returns how many events and journal writes that were. Fails as the ports do. */
  async drain(signal: AbortSignal): Promise<{ readonly events: number; readonly journal: number }> {
    const { events, stuck } = await this.#drainOutbox(signal);
    const journal = signal.aborted ? 0 : ((await this.#parts.sweep?.run(signal)) ?? 0);
    if (stuck !== undefined) throw stuck.error;
    return { events, journal };
  }

  /**
   * Goes on past batches that a bucket of the cache keeps from being acknowledged, until they come round again: those behind
   * them are not to wait for as long as that bucket is not recovered.
   */
  async #drainOutbox(signal: AbortSignal): Promise<Drained> {
    const { outbox, batchSize, clock } = this.#parts;
    const flights = new Flights(BATCHES_AT_ONCE);
    const sizer = new BatchSizer({ itemsMax: batchSize, bytesMax: BATCH_BYTES_MAX });
    const givenBack = new Set<string>();
    let events = 0;
    let stuck: Drained["stuck"];
    let isRound = false;
    const projectOrGoOn = async (batch: readonly OutboxEvent[], life: StatementLife) => {
      try {
        await this.#project(batch, life);
      } catch (error) {
        if (LockstepError.codeOf(error) !== "RECOVERING") throw error;
        stuck ??= { error };
        for (const { id } of batch) givenBack.add(id);
      }
    };
    try {
      while (!signal.aborted && !flights.hasFailed && !isRound) {
        const claim = { owner: this.#owner, limit: sizer.items, leaseMs: LEASE_MS };
        const life = beginLife(clock);
        const batch = await outbox.claim(claim);
        if (batch.length === 0) break;
        sizer.saw(batch.length, bytesOf(batch));
        isRound = batch.some(({ id }) => givenBack.has(id));
        await flights.begin(() => projectOrGoOn(batch, life));
        events += batch.length;
      }
    } finally {
      await flights.land();
    }
    return { events, stuck };
  }

  async #project(batch: readonly OutboxEvent[], life: StatementLife): Promise<void> {
    const { store, outbox, acknowledge } = this.#parts;
    const ids = batch.map((event) => event.id);
    try {
      const { versions, refused } = await applyEvents(store, batch, life);
      await acknowledge(versions);
      const refusedIds = new Set(refused.map(({ event }) => event.id));
      await outbox.markProcessed(ids.filter((id) => !refusedIds.has(id)));
      await this.#setAside(refused);
    } catch (error) {
      await this.#giveBack(ids);
      throw error;
    }
  }

  /** Events that the store refuses rest, longer each time, and are parked in the end; those that rest alike go together. */
  async #setAside(refused: readonly RefusedEvent[]): Promise<void> {
    const { outbox, random, attemptsMax } = this.#parts;
    const resting = new Map<number, string[]>();
    for (const { event, error } of refused) {
      const { id, attempts } = event;
      if (attempts + 1 >= attemptsMax) await this.#park(event, error);
      else resting.set(attempts, [...(resting.get(attempts) ?? []), id]);
    }
    for (const [attempts, ids] of resting) {
      await outbox.release(ids, backoffMs(attempts, random.fraction()), "refused");
    }
  }

  async #park({ id, entry, attempts }: OutboxEvent, error: unknown): Promise<void> {
    const { outbox, log, onParked } = this.#parts;
    const cause = causeOf(error);
    await outbox.park([id], cause);
    onParked?.(entry, cause);
    log.warn(
      { id, key: entry.key, version: entry.version, attempts: attempts + 1, cause },
      "The store refuses an outbox event, which was parked: see outbox_dead_letters",
    );
  }

  /** Cache or store did not do its part: were that counted, the first refusal after it would park an event. */
  async #giveBack(ids: readonly string[]): Promise<void> {
    const { outbox, random, log } = this.#parts;
    try {
      await outbox.release(ids, outageRestMs(random.fraction()), "outage");
    } catch (error) {
      // The lease runs out by itself.
      log.debug({ err: error }, "Claimed events could not be given back");
    }
  }

  async #cycle(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      const done = await this.drain(signal);
      if (this.#failing) log.info({}, "The projector works again");
      this.#failing = false;
      if (done.events + done.journal > 0) {
        log.debug({ ...done, tookMs: clock.monotonicMs() - startedMs }, "Projected to the shadow");
      }
    } catch (error) {
      // One line per outage, not one per tick.
      if (!this.#failing)
        log.warn(
          { err: error },
          "The projector cannot work now; what waits is kept and tried again",
        );
      this.#failing = true;
    }
  }
}

interface Drained {
  readonly events: number;
  /** Why some could not be acknowledged although the cache answers. */
  readonly stuck: { readonly error: unknown } | undefined;
}

function bytesOf(batch: readonly OutboxEvent[]): number {
  return batch.reduce((bytes, { entry }) => bytes + (entry.value?.length ?? 0), 0);
}
