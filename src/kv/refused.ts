import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { Standing, WriteRefusal } from "../model/write-condition.ts";

/** What a caller is told of a write that its authority has judged and not made: VERSION_CONFLICT or IDEMPOTENCY_KEY_REUSED. */
export function refused({ key, condition }: WriteCommand, refusal: WriteRefusal): LockstepError {
  const name = JSON.stringify(key);
  if (refusal.outcome === "reused") {
    return new LockstepError(
      "IDEMPOTENCY_KEY_REUSED",
      `An earlier write of ${name} with this idempotencyKey had other arguments.`,
    );
  }
  const asked = condition?.kind === "version" ? `has not version ${condition.version}` : "exists";
  return new LockstepError(
    "VERSION_CONFLICT",
    `The key ${name} ${asked}: ${describe(refusal.standing)}.`,
  );
}

function describe(standing: Standing): string {
  switch (standing.kind) {
    case "absent":
      return "it does not exist now";
    case "unversioned":
      return "its value was put there by another program and has no version";
    case "version":
      return `its current version is ${standing.version}`;
  }
}
