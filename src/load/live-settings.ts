import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import {
  eachSetting,
  type RunTimeSetting,
  type SettingName,
  type SettingsChange,
  type SyncSettings,
} from "../model/sync-settings.ts";
import type { SettingsPort, StoredSettings } from "../store/settings-port.ts";

/** How often the store is asked, so that every process goes by a change within 5 seconds; milliseconds. */
const POLL_MS = 2_000;

/** How long one look at the store may take, milliseconds. */
const READ_LIMIT_MS = 1_000;

/** What is in force in this process, and where each setting comes from. */
export interface SettingsReport {
  readonly inForce: SyncSettings;
  readonly sources: { readonly [Name in SettingName]: SettingSource };
  /** Of what the store keeps; 0 = nobody has ever changed anything. */
  readonly revision: number;
  /** What keeps this from being the whole truth. */
  readonly warning: string | undefined;
}

/** null where the default holds. */
export interface SettingSource {
  readonly source: "default" | "run time";
  readonly atMs: number | null;
  readonly by: string | null;
}

/**
 * The switch and the thresholds: the environment's, unless an operator has set others at run time. Those are kept in the
 * store for all its processes, and this one looks at them every two seconds; while the store does not answer, it goes
 * by what it has read last.
 */
export class LiveSettings {
  readonly #port: SettingsPort;
  readonly #defaults: SyncSettings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #by: string;
  readonly #hasEventPath: boolean;
  readonly #loop: WorkerLoop;
  #stored: StoredSettings = { revision: 0, settings: {} };
  /** Made when they change: each write asks for them several times. */
  #inForce: SyncSettings;
  #changes = 0;

  constructor(parts: {
    readonly port: SettingsPort;
    readonly defaults: SyncSettings;
    readonly clock: Clock;
    readonly log: Log;
    /** Under which name this process changes settings. */
    readonly by: string;
    /** Whether this process can write events at all. */
    readonly hasEventPath: boolean;
  }) {
    this.#port = parts.port;
    this.#defaults = parts.defaults;
    this.#inForce = parts.defaults;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#by = parts.by;
    this.#hasEventPath = parts.hasEventPath;
    this.#loop = new WorkerLoop(parts.clock, POLL_MS, async () => void (await this.#refresh()));
  }

  /** Looks once, so that the first call already goes by them, and goes on in the background. */
  async start(): Promise<void> {
    await this.#refresh();
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  get inForce(): SyncSettings {
    return this.#inForce;
  }

  isRunTime(name: SettingName): boolean {
    return this.#stored.settings[name] !== undefined;
  }

  /**
   * Keeps the change in the store, goes by it at once, and tells what is in force now; an empty one only tells, also
   * while the store is down. Error: STORE_UNAVAILABLE.
   */
  async configure(change: SettingsChange): Promise<SettingsReport> {
    if (Object.keys(change).length === 0) return this.#report(await this.#refresh());
    const stored = await this.#port.change(change, { atMs: this.#clock.nowMs(), by: this.#by });
    // A look that began before must not bring back what it saw.
    this.#changes += 1;
    this.#adopt(stored);
    return this.#report("fresh");
  }

  async #refresh(): Promise<"fresh" | "last known"> {
    const changesBefore = this.#changes;
    const answer = await within(this.#clock, READ_LIMIT_MS, this.#port.read());
    if (answer.outcome !== "done") {
      const err = answer.outcome === "failed" ? answer.error : undefined;
      this.#log.debug({ err }, "The settings cannot be read now; the last known ones hold");
      return "last known";
    }
    if (changesBefore === this.#changes) this.#adopt(answer.value);
    return "fresh";
  }

  #adopt(stored: StoredSettings): void {
    const isNew = stored.revision !== this.#stored.revision;
    this.#stored = stored;
    const { settings } = stored;
    this.#inForce = eachSetting(
      (name) => settings[name]?.value ?? this.#defaults[name],
    ) as SyncSettings;
    if (isNew) this.#log.info({ ...this.inForce }, "Settings made at run time are in force");
  }

  #report(freshness: "fresh" | "last known"): SettingsReport {
    const { revision, settings } = this.#stored;
    return {
      inForce: this.inForce,
      sources: eachSetting((name) => sourceOf(settings[name])),
      revision,
      warning: this.#warning(freshness),
    };
  }

  #warning(freshness: "fresh" | "last known"): string | undefined {
    if (freshness === "last known")
      return "The store does not answer; these are the settings that were read last.";
    if (this.inForce.mode === "event-only" && !this.#hasEventPath)
      return "event-only has no effect on this process: without Redis, MongoDB takes each write itself.";
    return undefined;
  }
}

function sourceOf(setting: RunTimeSetting<unknown> | undefined): SettingSource {
  if (setting === undefined) return { source: "default", atMs: null, by: null };
  return { source: "run time", atMs: setting.atMs, by: setting.by };
}
