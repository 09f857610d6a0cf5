import type { SettingsSource } from "../../src/load/load-detector.ts";
import type { SyncSettings } from "../../src/model/sync-settings.ts";

/** The defaults of every server. */
export const DEFAULT_SETTINGS: SyncSettings = {
  mode: "hybrid",
  poolRatio: 0.8,
  queued: 0,
  unprocessed: 100,
  memoryRatio: 0.9,
  unsyncedMb: 0,
  unsyncedAgeSec: 0,
  outboxEvents: 1_000_000,
};

/** The defaults with these changes, as the environment would give them: nobody touches them at run time. */
export function fixedSettings(wanted: Partial<SyncSettings> = {}): SettingsSource {
  return { inForce: { ...DEFAULT_SETTINGS, ...wanted }, isRunTime: () => false };
}
