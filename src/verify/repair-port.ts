import type { Entry } from "../model/entry.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { Look } from "./classify.ts";

/** Whether a step was done, or the key had changed since the look; then the newer write stands and nothing was done. */
export type StepOutcome = "done" | "moved";

/**
 * The steps of a repair, each conditional on what was observed: a repair that races a live write loses. One
 * implementation for each side that can be the authority. `life` began before the look.
 */
export interface RepairSteps {
  /** Writes under a new version on both sides. */
  rewrite(
    look: Look,
    command: WriteCommand,
    life: StatementLife,
  ): Promise<
    { readonly outcome: "done"; readonly version: Version } | { readonly outcome: "moved" }
  >;
  /** Brings what waits for this key to the shadow. */
  syncNow(look: Look, life: StatementLife): Promise<StepOutcome>;
  /** Brings the cached entry to the shadow as it is. */
  project(look: Look, life: StatementLife): Promise<StepOutcome>;
  /** Forgets the cached copy. */
  dropCopy(look: Look): Promise<StepOutcome>;
  /** Forgets a pending mark. */
  dropMarker(look: Look): Promise<StepOutcome>;
  /** Gives the cached value the meta of the equal shadow. */
  stamp(look: Look, shadow: Entry): Promise<StepOutcome>;
  /** Brings the shadow's entry into the cache. */
  warm(look: Look, shadow: Entry): Promise<StepOutcome>;
}
