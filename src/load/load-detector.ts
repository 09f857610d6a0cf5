import type { Acknowledgement, Route } from "../kv/write-path.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { SettingName, SyncMode, SyncSettings } from "../model/sync-settings.ts";
import type { Backlog } from "../sync/backlog.ts";
import type { SyncPool } from "../sync/sync-pool.ts";
import {
  judgeLoad,
  type LoadInputs,
  type LoadJudgement,
  type LoadThresholds,
} from "./judge-load.ts";

/** Where the switch and the thresholds come from; they may change at any time. */
export interface SettingsSource {
  readonly inForce: SyncSettings;
  isRunTime(name: SettingName): boolean;
}

export interface LoadReport extends LoadJudgement {
  readonly inputs: LoadInputs;
  readonly thresholds: LoadThresholds;
  readonly wouldUse: "ASYNC_THREAD" | "EVENT_BASED";
}

export interface RouteChoice {
  readonly route: Route;
  readonly reason: string;
}

/** How old the count of unprocessed events may be when a write chooses its way, milliseconds. */
const COUNT_AGE_MS = 1000;

/** How long a report waits for a fresh count, milliseconds; a store that hangs should not keep whoever asks. */
const COUNT_LIMIT_MS = 1000;

/** Why a write goes direct under high load: an event costs the store four writes, of which the row comes third. */
const WHY_NO_EVENT: Readonly<Record<Exclude<Acknowledgement, "durable">, string>> = {
  cache: "The cache holds the write already, and the caller waits for no more.",
  shadow: "The caller waits for the shadow, where an event would be later.",
};

/** Chooses the way of each write by load. The pool is looked at live; events are counted at most once a second. */
export class LoadDetector {
  readonly #pool: SyncPool;
  readonly #backlog: Backlog;
  readonly #clock: Clock;
  readonly #settings: SettingsSource;
  readonly #hasEventPath: boolean;
  #unprocessed = 0;
  #events = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;
  #counting: Promise<void> | undefined;

  constructor(parts: {
    readonly pool: SyncPool;
    readonly backlog: Backlog;
    readonly clock: Clock;
    readonly settings: SettingsSource;
    /** Whether the authority can take a write as an event at all. */
    readonly hasEventPath: boolean;
  }) {
    this.#pool = parts.pool;
    this.#backlog = parts.backlog;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#hasEventPath = parts.hasEventPath;
  }

  get mode(): SyncMode {
    return this.#settings.inForce.mode;
  }

  /** Outbox events not processed, parked ones too, as last counted. */
  get events(): number {
    return this.#events;
  }

  /** Judges with a fresh count. Where it cannot be had, the last one stands. */
  async report(): Promise<LoadReport> {
    await within(this.#clock, COUNT_LIMIT_MS, this.#count());
    const inputs = this.#inputs();
    const thresholds = this.#thresholds();
    const judgement = judgeLoad(inputs, thresholds);
    const { route, reason } = this.#choose(judgement);
    return {
      highLoad: judgement.highLoad,
      reason,
      inputs,
      thresholds,
      wouldUse: route === "direct" ? "ASYNC_THREAD" : "EVENT_BASED",
    };
  }

  /** The way for a write now, by what its caller waits for. Never waits: an old count is renewed in the background. */
  choose(ack: Acknowledgement = "durable"): RouteChoice {
    if (this.#clock.monotonicMs() - this.#countedAtMs > COUNT_AGE_MS) void this.#count();
    const judgement = judgeLoad(this.#inputs(), this.#thresholds());
    const chosen = this.#choose(judgement);
    if (ack === "durable" || chosen.route === "direct" || this.mode === "event-only") return chosen;
    return { route: "direct", reason: `${WHY_NO_EVENT[ack]} ${judgement.reason}` };
  }

  #choose({ highLoad, reason }: LoadJudgement): RouteChoice {
    if (!this.#hasEventPath) {
      return {
        route: "direct",
        reason: `Without Redis, MongoDB takes each write itself: there is no event path. ${reason}`,
      };
    }
    if (this.mode === "event-only") {
      const where = this.#settings.isRunTime("mode")
        ? "at run time, hybrid_sync_configure"
        : "LOCKSTEP_SYNC_MODE";
      return { route: "event", reason: `Event-only mode is set (${where}).` };
    }
    return { route: highLoad ? "event" : "direct", reason };
  }

  #thresholds(): LoadThresholds {
    const { poolRatio, queued, unprocessed } = this.#settings.inForce;
    return { poolRatio, queued, unprocessed };
  }

  #inputs(): LoadInputs {
    const { active, max, queued } = this.#pool.load;
    return { poolUtilization: active / max, queued, unprocessed: this.#unprocessed };
  }

  #count(): Promise<void> {
    this.#counting ??= this.#backlog
      .count()
      .then(
        ({ unprocessed, events, parked }) => {
          this.#events = events;
          // What is parked waits for a person; that no more writes are tried directly would not help it.
          this.#unprocessed = Math.max(0, unprocessed - parked);
        },
        // A backend that is down shows in the pool and in the answers of the writes themselves.
        () => undefined,
      )
      .finally(() => {
        this.#countedAtMs = this.#clock.monotonicMs();
        this.#counting = undefined;
      });
    return this.#counting;
  }
}
