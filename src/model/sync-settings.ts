export type SyncMode = "hybrid" | "event-only";

/** What can be changed while the server runs; the environment gives the defaults. */
export interface SyncSettings {
  /** hybrid tries the shadow directly first; event-only always appends an event. */
  readonly mode: SyncMode;
  /** Load is high at this share of the direct syncs or more; above 0, at most 1. */
  readonly poolRatio: number;
  /** Load is high above this many direct syncs waiting. */
  readonly queued: number;
  /** Load is high above this many unprocessed events. */
  readonly unprocessed: number;
  /** New writes are refused when Redis cannot let go of this share of its memory; above 0, at most 1. */
  readonly memoryRatio: number;
  /** New writes are refused when about this much waits for the store in Redis, MB; 0 = as much as there is room for. */
  readonly unsyncedMb: number;
  /** New writes are refused when the oldest one has waited for the store this long, seconds; 0 = however long. */
  readonly unsyncedAgeSec: number;
  /** New writes are refused when this many outbox events are unprocessed; 0 = however many. */
  readonly outboxEvents: number;
}

export type SettingName = keyof SyncSettings;

/** One setting as it was made at run time, when and by whom. */
export interface RunTimeSetting<Value> {
  readonly value: Value;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly by: string;
}

/** What has been set at run time and not been taken back. */
export type RunTimeSettings = {
  readonly [Name in SettingName]?: RunTimeSetting<SyncSettings[Name]>;
};

/** New values; null takes a setting back to its default. */
export type SettingsChange = { readonly [Name in SettingName]?: SyncSettings[Name] | null };

const CHECKS: { readonly [Name in SettingName]: (value: unknown) => value is SyncSettings[Name] } =
  {
    mode: (value) => value === "hybrid" || value === "event-only",
    poolRatio: isRatio,
    queued: isCount,
    unprocessed: isCount,
    memoryRatio: isRatio,
    unsyncedMb: isCount,
    unsyncedAgeSec: isCount,
    outboxEvents: isCount,
  };

const SETTING_NAMES = Object.keys(CHECKS) as readonly SettingName[];

/** Something of each setting, under its name. */
export function eachSetting<T>(valueOf: (name: SettingName) => T): {
  readonly [Name in SettingName]: T;
} {
  const values = SETTING_NAMES.map((name) => [name, valueOf(name)] as const);
  return Object.fromEntries(values) as { [Name in SettingName]: T };
}

/** What a store has kept of them. Whatever is not a setting, by another hand or a newer release, is left out. */
export function decodeSettings(
  stored: Readonly<Record<string, unknown>>,
  timeOf: (setting: Readonly<Record<string, unknown>>) => number,
): RunTimeSettings {
  const read = <Name extends SettingName>(name: Name) => {
    const setting = fieldsOf(stored[name]);
    const { value, by } = setting;
    if (!CHECKS[name](value)) return undefined;
    return { value, atMs: timeOf(setting), by: typeof by === "string" ? by : "unknown" };
  };
  const settings = SETTING_NAMES.map((name) => [name, read(name)] as const);
  return Object.fromEntries(settings.filter(([, setting]) => setting !== undefined));
}

export function fieldsOf(stored: unknown): Readonly<Record<string, unknown>> {
  return typeof stored === "object" && stored !== null ? { ...stored } : {};
}

function isRatio(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= 1;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
