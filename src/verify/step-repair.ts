import { markOf } from "../model/idempotency.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { Look } from "./classify.ts";
import type { RepairAction } from "./plan-repair.ts";
import { cachedCommand, removal, storedCommand } from "./repair-command.ts";
import type { RepairSteps } from "./repair-port.ts";

/** What became of a repair's one step; `version` is that of the write it made, where it made one. */
export type SteppedRepair =
  | { readonly outcome: "done"; readonly version?: Version }
  | { readonly outcome: "moved" };

export interface StepOptions {
  /** That of the look. */
  readonly life: StatementLife;
  /** Under which a write of the step can be recognised later, by whoever does not know whether it was made. */
  readonly idempotencyKey?: string;
}

/** Takes the one step that an action is, on condition that the key is still as it was seen. Errors: those of the ports, VALUE_NOT_TEXT. */
export async function stepRepair(
  steps: RepairSteps,
  look: Look,
  action: RepairAction,
  options: StepOptions,
): Promise<SteppedRepair> {
  const { life } = options;
  const { shadow } = look;
  switch (action) {
    case "none":
      return { outcome: "done" };
    case "sync_now":
      return { outcome: await steps.syncNow(look, life) };
    case "follow_cache":
      return rewrite(steps, look, cachedCommand(look), options);
    case "follow_store":
      return rewrite(steps, look, storedCommand(look), options);
    case "remove":
      return rewrite(steps, look, removal(look), options);
    case "project":
      return { outcome: await steps.project(look, life) };
    case "drop_copy":
      return { outcome: await steps.dropCopy(look) };
    case "drop_marker":
      return { outcome: await steps.dropMarker(look) };
    case "stamp":
      return { outcome: shadow === undefined ? "moved" : await steps.stamp(look, shadow) };
    case "warm":
      return { outcome: shadow === undefined ? "moved" : await steps.warm(look, shadow) };
  }
}

/** Writes a command on condition that the key is still as it was seen. */
export function rewrite(
  steps: RepairSteps,
  look: Look,
  command: WriteCommand,
  { life, idempotencyKey }: StepOptions,
): Promise<SteppedRepair> {
  const marked =
    idempotencyKey === undefined
      ? command
      : { ...command, idempotencyMark: markOf(idempotencyKey, command) };
  return steps.rewrite(look, marked, life);
}
