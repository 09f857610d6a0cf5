import { percent } from "./percent.ts";

/** What new writes meet, from nothing to a refusal; each level includes those before it. */
export const PRESSURE_LEVELS = ["calm", "widen", "slow", "refuse"] as const;

export type PressureLevel = (typeof PRESSURE_LEVELS)[number];

/** What fills, as last seen. */
export interface PressureInputs {
  /** Of the memory that Redis may use, the share that it cannot let go; null where it has no limit or may let go of all. */
  readonly memoryRatio: number | null;
  /** What only the journal has, an estimate. */
  readonly unsyncedBytes: number;
  /** How long the oldest of it has waited, milliseconds; null = there is none. */
  readonly oldestUnsyncedMs: number | null;
  /** Outbox events that are not processed. */
  readonly events: number;
}

/** Where new writes are refused; 0 = never for that reason, except for the memory. */
export interface PressureLimits {
  readonly memoryRatio: number;
  readonly unsyncedMb: number;
  readonly unsyncedAgeSec: number;
  readonly outboxEvents: number;
}

export interface PressureJudgement {
  readonly level: PressureLevel;
  /** The fullest of what is limited, as a share of its limit. */
  readonly fill: number;
  /** The same of the memory alone; 0 where it has no limit. */
  readonly memoryFill: number;
  /** One sentence: what is how full. */
  readonly reason: string;
}

/** From which share of a limit on a level holds. */
export const ENTRY: Readonly<Record<PressureLevel, number>> = {
  calm: 0,
  widen: 0.7,
  slow: 0.85,
  refuse: 1,
};

/** A level is left this much below where it was entered, so that it does not come and go with each write. */
export const HYSTERESIS = 0.05;

/** A write that has waited longer than any direct call takes was left behind: the store does not keep up. */
const LEFT_BEHIND_MS = 2500;

/** Writes that wait for longer than this go in larger batches, whatever room there is. */
const WIDEN_AFTER_MS = 10_000;

interface Gauge {
  readonly fill: number;
  readonly level: PressureLevel;
  /** Every write is judged, and hardly any is told why. */
  readonly what: () => string;
}

/**
 * The highest level that any of the gauges asks for. Memory that is full of what the store has already is no reason to
 * slow down, since there is nothing to wait for: it only refuses.
 */
export function judgePressure(
  inputs: PressureInputs,
  limits: PressureLimits,
  before: PressureLevel,
): PressureJudgement {
  const { memoryRatio, unsyncedBytes, oldestUnsyncedMs, events } = inputs;
  const isBehind = oldestUnsyncedMs !== null && oldestUnsyncedMs > LEFT_BEHIND_MS;
  const unsyncedMb = unsyncedBytes / 1024 / 1024;
  const ageSec = (oldestUnsyncedMs ?? 0) / 1000;

  const memoryFill = (memoryRatio ?? 0) / limits.memoryRatio;
  const memoryLevel = levelAt(memoryFill, before);
  const gauges: Gauge[] = [
    {
      fill: memoryFill,
      level: isBehind || memoryLevel === "refuse" ? memoryLevel : "calm",
      what: () =>
        `Redis cannot let go of ${percent(memoryRatio ?? 0)} of its memory (limit ${percent(limits.memoryRatio)})`,
    },
    gauge(unsyncedMb, limits.unsyncedMb, before, (limit) => {
      return `about ${Math.round(unsyncedMb)} MB wait for the store in Redis (limit ${limit} MB)`;
    }),
    gauge(ageSec, limits.unsyncedAgeSec, before, (limit) => {
      return `the oldest write has waited ${Math.round(ageSec)} s for the store (limit ${limit} s)`;
    }),
    gauge(events, limits.outboxEvents, before, (limit) => {
      return `${events} outbox events are unprocessed (limit ${limit})`;
    }),
    {
      fill: 0,
      level: ageSec * 1000 > WIDEN_AFTER_MS ? "widen" : "calm",
      what: () => `the oldest write has waited ${Math.round(ageSec)} s for the store`,
    },
  ];
  const worst = gauges.reduce((most, one) => (isAbove(one, most) ? one : most));
  return {
    level: worst.level,
    fill: Math.max(...gauges.map(({ fill }) => fill)),
    memoryFill,
    reason: worst.level === "calm" ? "No limit is near." : `${capital(worst.what())}.`,
  };
}

/** The longest that a write is kept waiting, milliseconds. */
export const DELAY_MAX_MS = 250;

/** How long a write waits at the level "slow", milliseconds: the longer, the nearer the limit. */
export function delayMs({ level, fill }: PressureJudgement): number {
  if (level !== "slow") return 0;
  const share = (fill - ENTRY.slow) / (ENTRY.refuse - ENTRY.slow);
  return Math.round(Math.min(1, Math.max(0.05, share)) * DELAY_MAX_MS);
}

/**
 * A delete is let through where a write is refused, as it mostly frees the value. One of a key that is not there takes
 * memory all the same, for its tombstone and marker: it may have half of the reserve that the limit leaves.
 */
export function refusesDeletes(
  { memoryRatio }: PressureInputs,
  { memoryRatio: limit }: Pick<PressureLimits, "memoryRatio">,
): boolean {
  return memoryRatio !== null && memoryRatio >= (1 + limit) / 2;
}

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;
const RETRY_UNKNOWN_MS = 5_000;

/** When a refused write may be let in, milliseconds: by how fast it has been getting emptier. */
export function retryAfterMs(fill: number, fallPerSecond: number): number {
  if (!(fallPerSecond > 0)) return RETRY_UNKNOWN_MS;
  const aboveExit = Math.max(0, fill - (ENTRY.refuse - HYSTERESIS));
  const waitMs = Math.ceil((aboveExit / fallPerSecond) * 1000);
  return Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, waitMs));
}

export function isAtLeast(level: PressureLevel, other: PressureLevel): boolean {
  return PRESSURE_LEVELS.indexOf(level) >= PRESSURE_LEVELS.indexOf(other);
}

function gauge(
  value: number,
  limit: number,
  before: PressureLevel,
  what: (limit: number) => string,
): Gauge {
  const fill = limit === 0 ? 0 : value / limit;
  return { fill, level: levelAt(fill, before), what: () => what(limit) };
}

function levelAt(fill: number, before: PressureLevel): PressureLevel {
  let held: PressureLevel = "calm";
  for (const level of PRESSURE_LEVELS) {
    const entry = ENTRY[level];
    if (fill >= (isAtLeast(before, level) ? entry - HYSTERESIS : entry)) held = level;
  }
  return held;
}

function isAbove(one: Gauge, other: Gauge): boolean {
  if (one.level !== other.level) return isAtLeast(one.level, other.level);
  return one.fill > other.fill;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
