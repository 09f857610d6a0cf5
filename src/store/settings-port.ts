import type { RunTimeSettings, SettingsChange } from "../model/sync-settings.ts";

export interface StoredSettings {
  /** Grows by one with each change; 0 = nobody has ever changed anything. */
  readonly revision: number;
  readonly settings: RunTimeSettings;
}

/**
 * What operators have set while servers run: one for all processes of a store. Every method may fail with
 * STORE_UNAVAILABLE.
 */
export interface SettingsPort {
  /** What is kept now, with every change of which anybody has been told. */
  read(): Promise<StoredSettings>;

  /**
   * Sets what is named, takes back what is null, and leaves everything else as it is, also what others change at the
   * same time. Answers what is kept now; an empty change keeps the revision.
   */
  change(
    change: SettingsChange,
    made: { readonly atMs: number; readonly by: string },
  ): Promise<StoredSettings>;
}
