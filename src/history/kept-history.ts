import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import { type NewRecord, RECORDS_MAX, type RecordsPort } from "../store/records-port.ts";
import type { DatedKeyEvent } from "./key-event.ts";

const KIND = "key_history";

/** How long events wait for company, milliseconds. */
const FLUSH_MS = 1000;

/** Events that wait at most: what comes when it is full, or when the store does not take it, is let go. */
const WAITING_MAX = 1000;

/** Of these, evictions: a cache that is too small for its keys has more of them than anybody wants kept. */
const EVICTIONS_WAITING_MAX = 20;

/** After so many kept events the oldest of all are looked for. */
const TRIM_EVERY = 1000;

/** An event of any process. */
export interface KeptKeyEvent extends DatedKeyEvent {
  /** Who noted it. */
  readonly by: string;
}

export interface KeptHistoryParts {
  readonly records: RecordsPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** This process, for people. */
  readonly by: string;
  readonly retentionMs: number;
  /** So many events are kept at most, of all keys. */
  readonly eventsMax: number;
}

/**
 * What is rare and important, in the store, so that other processes and later ones know of it. Best effort: nobody waits
 * for it, and nobody's call fails by it.
 */
export class KeptHistory {
  readonly #parts: KeptHistoryParts;
  readonly #loop: WorkerLoop;
  /** Makes the ids of this process its own. */
  readonly #tag: string;
  #waiting: NewRecord[] = [];
  #evictionsWaiting = 0;
  #noted = 0;
  #sinceTrim = 0;
  #letGo = 0;

  constructor(parts: KeptHistoryParts) {
    this.#parts = parts;
    this.#tag = parts.random.hex(8);
    this.#loop = new WorkerLoop(parts.clock, FLUSH_MS, () => this.flush(), "after the interval");
  }

  start(): void {
    this.#loop.start();
  }

  /** Keeps what still waits, and ends. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.flush();
  }

  /** Events that were let go since the start, for want of room or of a store that takes them. */
  get letGo(): number {
    return this.#letGo;
  }

  add(key: string, event: DatedKeyEvent): void {
    const { retentionMs, eventsMax, by } = this.#parts;
    if (eventsMax === 0) return;
    const isEviction = event.what === "evicted";
    const isFull =
      this.#waiting.length >= WAITING_MAX ||
      (isEviction && this.#evictionsWaiting >= EVICTIONS_WAITING_MAX);
    if (isFull) {
      this.#letGo += 1;
      return;
    }
    if (isEviction) this.#evictionsWaiting += 1;
    this.#noted += 1;
    const { atMs } = event;
    const body: KeptKeyEvent = { ...event, by };
    this.#waiting.push({
      kind: KIND,
      id: `${this.#tag} ${String(this.#noted).padStart(12, "0")}`,
      group: key,
      atMs,
      expiresAtMs: atMs + retentionMs,
      body: { ...body },
    });
  }

  /** Writes what waits. Never fails. */
  async flush(): Promise<void> {
    const { records, log, eventsMax } = this.#parts;
    this.#evictionsWaiting = 0;
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, RECORDS_MAX);
      try {
        await records.put(some);
        this.#sinceTrim += some.length;
        if (this.#sinceTrim < TRIM_EVERY) continue;
        this.#sinceTrim = 0;
        await records.trim(KIND, { keep: eventsMax });
      } catch (error) {
        this.#letGo += some.length + this.#waiting.length;
        this.#waiting = [];
        log.debug({ err: error }, "Some of the keys' history could not be kept");
      }
    }
  }

  /** Oldest first, the latest `limit`. Error: STORE_UNAVAILABLE. */
  async of(key: string, limit: number): Promise<readonly KeptKeyEvent[]> {
    const found = await this.#parts.records.list(KIND, { group: key, limit });
    // The body of a record is what `add` made of it.
    return found.map(({ body }) => body as unknown as KeptKeyEvent).reverse();
  }
}
