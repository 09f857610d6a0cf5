/** How far a schedule has come, as the store keeps it for all instances: one slot, the latest that anybody took. */
export interface KeptSlot {
  /** The time that the schedule names, milliseconds since 1970. */
  readonly slotMs: number;
  /** `running`: begun, and not ended yet or never. `interrupted`: its instance was told to stop, and left it to others. */
  readonly state: "running" | "done" | "interrupted";
  /** How often it was begun without being interrupted. */
  readonly attempts: number;
}

/**
 * - `remember`: this schedule has never been seen on this store; it begins with its next slot.
 * - `nothing`: the latest slot is done.
 * - `begin`: its time has come, and nobody has taken it.
 * - `resume`: somebody has taken it, and has not ended it.
 * - `give_up`: so often that it had better be left alone.
 */
export type SlotStep = "remember" | "nothing" | "begin" | "resume" | "give_up";

/** A run that has ended this many instances before its own end is not begun again. */
const ATTEMPTS_MAX = 3;

/** A slot that lies further ahead than this is the word of a clock that was wrong, milliseconds. */
const AHEAD_MAX_MS = 24 * 3_600_000;

/**
 * What an instance does that sees this slot while it holds the lease. Of slots that were missed only the latest is made
 * up for: a check says how things are now. One that an instance whose clock is ahead has taken early is not run again.
 */
export function judgeSlot(
  kept: KeptSlot | undefined,
  times: { readonly latestMs: number; readonly nextMs: number },
): SlotStep {
  if (kept === undefined) return "remember";
  if (kept.slotMs > times.nextMs + AHEAD_MAX_MS) return "begin";
  if (kept.slotMs > times.latestMs) return "nothing";
  if (kept.slotMs < times.latestMs) return "begin";
  if (kept.state === "done") return "nothing";
  return kept.attempts >= ATTEMPTS_MAX ? "give_up" : "resume";
}
