import type { Rules } from "./mechanisms.ts";

export type Mode = "pinned" | "unpinned" | "store_first";

/** What does not change while a model runs. */
export interface Setting {
  readonly mode: Mode;
  readonly rules: Rules;
  /** Whether Redis can lose state in this model. Where it cannot, the epoch checks would only add states. */
  readonly mayLoseState: boolean;
  /** Whether rows are purged in this model, so that purges have to be thought of. */
  readonly mayPurge: boolean;
  /**
   * Whether a finished read binds later ones as a finished write does: Not where the cache may
   * show a write and lose it before it was acknowledged.
   */
  readonly readsBind: "always" | "never";
}
