import type { Circuit, CircuitState } from "../lib/circuit.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { BackPressure, PressureCounts } from "../load/back-pressure.ts";
import type { LoadDetector } from "../load/load-detector.ts";
import type { SyncMode } from "../model/sync-settings.ts";
import type { Backlog, BacklogCount } from "./backlog.ts";
import type { Recovery } from "./recovery.ts";
import type { RecoveryReport } from "./recovery-stats.ts";
import type { PoolLoad, SyncPool } from "./sync-pool.ts";
import type { SyncStats, SyncStatsReport } from "./sync-stats.ts";

export interface SyncReporterAnswer extends SyncStatsReport {
  readonly pool: PoolLoad;
  /** Undefined while a backend that must be asked does not answer. */
  readonly backlog: BacklogCount | undefined;
  /** Whether the store is asked at all: open = it did not answer and is left alone. */
  readonly circuit: CircuitState;
  /** The same of Redis; null where the cache is in this process. */
  readonly cacheCircuit: CircuitState | null;
  /** What new writes of this process meet, and have met. */
  readonly pressure: PressureCounts;
  /** Of this process; undefined where alerts have no way to go. */
  readonly alerts: AlertFigures | undefined;
  readonly mode: SyncMode;
  /** Undefined where the cache has no state that it could lose. */
  readonly recovery: RecoveryReport | undefined;
  readonly pid: number;
  /** Since when this process counts, milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Alerts that were delivered, and that could not be after all attempts. */
export interface AlertFigures {
  readonly delivered: number;
  readonly failed: number;
}

/** How long counting what waits may take, milliseconds: who asks about a store that hangs should not hang too. */
const COUNT_LIMIT_MS = 1000;

/** What this process does for the agreement of cache and store, in figures. */
export class SyncReporter {
  readonly #pool: SyncPool;
  readonly #circuit: Pick<Circuit, "state">;
  readonly #cacheCircuit: Pick<Circuit, "state"> | undefined;
  readonly #stats: SyncStats;
  readonly #backlog: Backlog;
  readonly #load: LoadDetector;
  readonly #recovery: Recovery | undefined;
  readonly #pressure: Pick<BackPressure, "counts">;
  readonly #alerts: { readonly counts: AlertFigures } | undefined;
  readonly #clock: Clock;
  readonly #sinceMs: number;

  constructor(parts: {
    readonly pool: SyncPool;
    readonly circuit: Pick<Circuit, "state">;
    readonly cacheCircuit: Pick<Circuit, "state"> | undefined;
    readonly stats: SyncStats;
    readonly backlog: Backlog;
    readonly load: LoadDetector;
    readonly recovery: Recovery | undefined;
    readonly pressure: Pick<BackPressure, "counts">;
    readonly alerts: { readonly counts: AlertFigures } | undefined;
    readonly clock: Clock;
  }) {
    this.#pool = parts.pool;
    this.#circuit = parts.circuit;
    this.#cacheCircuit = parts.cacheCircuit;
    this.#stats = parts.stats;
    this.#backlog = parts.backlog;
    this.#load = parts.load;
    this.#recovery = parts.recovery;
    this.#pressure = parts.pressure;
    this.#alerts = parts.alerts;
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
      cacheCircuit: this.#cacheCircuit?.state ?? null,
      pressure: this.#pressure.counts(),
      alerts: this.#alerts?.counts,
      mode: this.#load.mode,
      recovery: this.#recovery?.report,
      pid: process.pid,
      sinceMs: this.#sinceMs,
    };
  }
}
