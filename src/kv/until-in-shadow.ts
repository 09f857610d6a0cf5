import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { Durability } from "./write-path.ts";

/** Between two looks at a shadow that has not got there yet, milliseconds. */
const LOOK_EVERY_MS = 25;

export interface AwaitedWrite {
  readonly version: Version;
  /** Where the write is safe meanwhile. */
  readonly durable: Durability;
  /** When the caller is told that it took too long, by the clock's monotonic time. */
  readonly deadlineMs: number;
}

/**
 * Waits until the shadow has a write that is already durable elsewhere, or a newer one of its key. `look` tells the
 * version that the shadow has. Error: TIMED_OUT, which takes nothing back.
 */
export async function untilInShadow(
  clock: Clock,
  { version, durable, deadlineMs }: AwaitedWrite,
  look: () => Promise<Version | undefined>,
): Promise<void> {
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) break;
    const seen = await within(clock, leftMs, look());
    if (seen.outcome === "done" && seen.value !== undefined && seen.value >= version) return;
    await clock.sleep(LOOK_EVERY_MS);
  }
  throw new LockstepError(
    "TIMED_OUT",
    `The write stands (version ${version}, safe in the ${durable}), but the shadow did not have it in time.`,
    {
      hint: "Do not write again: the store gets it by itself. verify_key_sync shows when it has.",
    },
  );
}
