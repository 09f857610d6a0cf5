import type { CacheAuthorityPort, CacheFill } from "../cache/cache-authority-port.ts";
import type { Clock } from "../lib/clock.ts";
import { settled, within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import {
  delayMs,
  ENTRY,
  HYSTERESIS,
  isAtLeast,
  judgePressure,
  type PressureInputs,
  type PressureJudgement,
  type PressureLevel,
  type PressureLimits,
  refusesDeletes,
  retryAfterMs,
} from "./judge-pressure.ts";
import type { SettingsSource } from "./load-detector.ts";

export interface PressureReport extends Pick<PressureJudgement, "level" | "reason"> {
  readonly inputs: PressureInputs;
  readonly thresholds: PressureLimits;
}

/** What has been done about it since this process started. */
export interface PressureCounts {
  readonly level: PressureLevel;
  /** Writes that were kept waiting. */
  readonly slowed: number;
  /** Writes that were refused with OVERLOADED. */
  readonly refused: number;
}

/** A write that asks to be let in. */
export interface Newcomer {
  readonly op: "set" | "delete";
  /** Of key, value and ids. */
  readonly bytes: number;
}

/** How old the last look may be when a write comes, milliseconds: under pressure it is newer. */
const LOOK_AGE_MS = 500;
const LOOK_AGE_UNDER_PRESSURE_MS = 100;

/** Between two looks at least, however many writes come. */
const LOOK_GAP_MS = 20;

/** Without any write, how often it is looked all the same, so that the health report is of now; milliseconds. */
const IDLE_LOOK_MS = 5000;

/** How long a look is waited for, milliseconds. */
const LOOK_LIMIT_MS = 1000;

/** Once the writes since the last look may have taken this share of the room that was left, it is time for the next. */
const UNSEEN_SHARE = 1 / 8;

/** What a write takes in Redis beside its own bytes: meta, marker and Redis' own keeping of the three; and how far it rounds up. */
const WRITE_OVERHEAD_BYTES = 512;
const ROUNDING = 1.25;

/**
 * Keeps what waits for the store from filling the place where it waits: with each level new writes go in larger batches,
 * are answered more slowly, and are refused in the end, before Redis itself would refuse. Reads, repairs,
 * acknowledgements and the sweep do not come by here: they are what makes room.
 *
 * The cache is looked at in the background, a few times a second at most while writes come. In between, what this
 * process has let in is counted on top; only a write that this would refuse waits for a new look first.
 */
export class BackPressure {
  readonly #cache: Pick<CacheAuthorityPort, "measure"> | undefined;
  readonly #events: () => number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #settings: SettingsSource;
  readonly #loop: WorkerLoop;
  #seen: CacheFill | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #level: PressureLevel = "calm";
  #fallPerSecond = 0;
  #lastFill: { readonly fill: number; readonly atMs: number } | undefined;
  /** Of all writes that were let in, and of those that have ended, as Redis may have to hold them. */
  #admittedBytes = 0;
  #endedBytes = 0;
  /** Of those that had ended when the last look began: the server's own figures hold them. */
  #seenBytes = 0;
  #slowed = 0;
  #refused = 0;

  constructor(parts: {
    /** Where the cache holds what the store does not have yet. */
    readonly cache: Pick<CacheAuthorityPort, "measure"> | undefined;
    /** How many outbox events are unprocessed, as last counted. */
    readonly events: () => number;
    readonly clock: Clock;
    readonly log: Log;
    readonly settings: SettingsSource;
  }) {
    this.#cache = parts.cache;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#settings = parts.settings;
    this.#loop = new WorkerLoop(parts.clock, IDLE_LOOK_MS, () => this.#look());
  }

  /** Looks once, so that the first write already meets what there is, and goes on in the background. */
  async start(): Promise<void> {
    await within(this.#clock, LOOK_LIMIT_MS, this.#look());
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  get level(): PressureLevel {
    return this.#level;
  }

  /** Whether Redis has so little room left that it should not keep what the store has. */
  get isShortOfRoom(): boolean {
    return this.#judgement(0).memoryFill >= ENTRY.slow - HYSTERESIS;
  }

  /**
   * Lets a write in, at once or after a pause; the answer must be called when the write has ended, whichever way.
   * Error: OVERLOADED.
   */
  async admit(newcomer: Newcomer): Promise<() => void> {
    const cost = Math.ceil(newcomer.bytes * ROUNDING) + WRITE_OVERHEAD_BYTES;
    if (this.#isLookDue(cost)) void this.#look();
    // What is only reckoned must not refuse anybody, nor keep the level up afterwards.
    let judged = this.#judgement(cost);
    if (judged.level === "refuse" && this.#isStale) {
      await within(this.#clock, LOOK_LIMIT_MS, this.#look());
      judged = this.#judgement(cost);
    }
    this.#enter(judged);
    if (this.#isRefused(judged, newcomer, cost)) {
      this.#refused += 1;
      throw this.#overloaded(judged);
    }
    this.#admittedBytes += cost;
    const pauseMs = newcomer.op === "delete" ? 0 : delayMs(judged);
    if (pauseMs > 0) {
      this.#slowed += 1;
      await this.#clock.sleep(pauseMs);
    }
    return () => {
      this.#endedBytes += cost;
    };
  }

  /** Judges by a new look; where that cannot be had, by the last one. */
  async report(): Promise<PressureReport> {
    await within(this.#clock, LOOK_LIMIT_MS, this.#look());
    const { level, reason } = this.#judgement(0);
    return { level, reason, inputs: this.#inputs(0), thresholds: this.#limits };
  }

  counts(): PressureCounts {
    return { level: this.#level, slowed: this.#slowed, refused: this.#refused };
  }

  /** What an operator should know of it, if anything. */
  warnings(): readonly string[] {
    const { level, reason } = this.#judgement(0);
    if (!isAtLeast(level, "slow")) return [];
    const what =
      level === "slow" ? "Writes are slowed down" : "New writes are refused (OVERLOADED)";
    return [`${what}: ${reason}`];
  }

  get #limits(): PressureLimits {
    const { memoryRatio, unsyncedMb, unsyncedAgeSec, outboxEvents } = this.#settings.inForce;
    return { memoryRatio, unsyncedMb, unsyncedAgeSec, outboxEvents };
  }

  get #lookAgeMs(): number {
    return this.#clock.monotonicMs() - this.#lookedAtMs;
  }

  #isLookDue(cost: number): boolean {
    const maxAgeMs = this.#level === "calm" ? LOOK_AGE_MS : LOOK_AGE_UNDER_PRESSURE_MS;
    if (this.#lookAgeMs > maxAgeMs) return true;
    const { heldBytes, limitBytes } = this.#seen ?? {};
    if (heldBytes === undefined || limitBytes === undefined) return false;
    if (this.#lookAgeMs < LOOK_GAP_MS) return false;
    const roomBytes = Math.max(0, limitBytes - heldBytes);
    return this.#unseenBytes + cost > roomBytes * UNSEEN_SHARE;
  }

  /** Whether a new look might show more room. */
  get #isStale(): boolean {
    return this.#lookAgeMs >= (this.#unseenBytes > 0 ? LOOK_GAP_MS : LOOK_AGE_UNDER_PRESSURE_MS);
  }

  /** What this process has let in and the last look cannot have shown. */
  get #unseenBytes(): number {
    return this.#admittedBytes - this.#seenBytes;
  }

  #isRefused(judged: PressureJudgement, { op }: Newcomer, cost: number): boolean {
    if (judged.level !== "refuse") return false;
    return op === "set" || refusesDeletes(this.#inputs(cost), this.#limits);
  }

  #overloaded({ fill, reason }: PressureJudgement): LockstepError {
    return new LockstepError("OVERLOADED", `The write was refused: ${reason}`, {
      retryAfterMs: retryAfterMs(fill, this.#fallPerSecond),
    });
  }

  #judgement(cost: number): PressureJudgement {
    return judgePressure(this.#inputs(cost), this.#limits, this.#level);
  }

  #inputs(cost: number): PressureInputs {
    const { heldBytes, limitBytes, pendingBytes = 0, oldestPendingMs = null } = this.#seen ?? {};
    const isLimited = heldBytes !== undefined && limitBytes !== undefined;
    const newBytes = this.#unseenBytes + cost;
    return {
      memoryRatio: isLimited ? (heldBytes + newBytes) / limitBytes : null,
      unsyncedBytes: pendingBytes,
      oldestUnsyncedMs: oldestPendingMs,
      events: this.#events(),
    };
  }

  /** One line when it begins and one when it is over. */
  #enter({ level, reason }: PressureJudgement): void {
    const before = this.#level;
    this.#level = level;
    if (level === "refuse" && before !== "refuse") {
      this.#log.warn({ level }, `New writes are refused now: ${reason}`);
    } else if (before === "refuse" && level !== "refuse") {
      this.#log.info({ level }, "New writes are taken again");
    }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#measure().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #measure(): Promise<void> {
    const endedBytes = this.#endedBytes;
    if (this.#cache !== undefined) {
      const looked = await settled(this.#cache.measure());
      // While Redis does not answer, no write gets there either; the last figures stand.
      if (looked.outcome === "done") {
        this.#seen = looked.value;
        this.#seenBytes = endedBytes;
      }
    }
    this.#lookedAtMs = this.#clock.monotonicMs();
    const judged = this.#judgement(0);
    this.#enter(judged);
    const { fill } = judged;
    const last = this.#lastFill;
    const now = { fill, atMs: this.#lookedAtMs };
    if (last === undefined) this.#lastFill = now;
    else if (now.atMs - last.atMs >= LOOK_AGE_MS) {
      this.#fallPerSecond = ((last.fill - fill) / (now.atMs - last.atMs)) * 1000;
      this.#lastFill = now;
    }
  }
}
