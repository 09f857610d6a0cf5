import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { LoadDetector } from "../load/load-detector.ts";
import type { SyncMode } from "../model/sync-settings.ts";
import type { Backlog, BacklogCount } from "./backlog.ts";
import type { CircuitName, StoreCircuit } from "./store-circuit.ts";
import type { PoolLoad, SyncPool } from "./sync-pool.ts";
import type { SyncStats, SyncStatsReport } from "./sync-stats.ts";

export interface SyncReporterAnswer extends SyncStatsReport {
  readonly pool: PoolLoad;
  /** Undefined while a backend that must be asked does not answer. */
  readonly backlog: BacklogCount | undefined;
  /** Whether the store is asked at all: open = it did not answer and is left alone. */
  readonly circuit: CircuitName;
  readonly mode: SyncMode;
  readonly pid: number;
  /** Since when this process counts, milliseconds since 1970. */
  readonly sinceMs: number;
}

/** How long counting what waits may take, milliseconds: who asks about a store that hangs should not hang too. */
const COUNT_LIMIT_MS = 1000;

/** What this process does for the agreement of cache and store, in figures. */
export class SyncReporter {
  readonly #pool: SyncPool;
  readonly #circuit: StoreCircuit;
  readonly #stats: SyncStats;
  readonly #backlog: Backlog;
  readonly #load: LoadDetector;
  readonly #clock: Clock;
  readonly #sinceMs: number;

  constructor(parts: {
    readonly pool: SyncPool;
    readonly circuit: StoreCircuit;
    readonly stats: SyncStats;
    readonly backlog: Backlog;
    readonly load: LoadDetector;
    readonly clock: Clock;
  }) {
    this.#pool = parts.pool;
    this.#circuit = parts.circuit;
    this.#stats = parts.stats;
    this.#backlog = parts.backlog;
    this.#load = parts.load;
    this.#clock = parts.clock;
    this.#sinceMs = parts.clock.nowMs();
  }

  /** Answers while a backend is down too: that is when it is asked most. */
  async report(): Promise<SyncReporterAnswer> {
    const counted = await within(this.#clock, COUNT_LIMIT_MS, this.#backlog.count());
    return {
      ...this.#stats.report(),
      pool: this.#pool.load,
      backlog: counted.outcome === "done" ? counted.value : undefined,
      circuit: this.#circuit.state,
      mode: this.#load.mode,
      pid: process.pid,
      sinceMs: this.#sinceMs,
    };
  }
}
