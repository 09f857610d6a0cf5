import type { Clock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/** How long after its preparation began a statement may still write, milliseconds. Far longer than any call, far shorter than any grace time. */
export const STATEMENT_LIFE_MS = 600_000;

/**
 * When the preparation of a statement began: taken before its entries were minted, read or claimed. Whatever stands
 * still on the way (a process, a connection, a server's queue), the statement writes nothing once its life is over; so a
 * tombstone that was purged meanwhile is not missed.
 *
 * By two clocks of the process, of which the one that has seen more time counts: the monotonic one may stand still
 * while the machine sleeps, and the wall clock may be set back.
 */
export interface StatementLife {
  readonly begunMonotonicMs: number;
  readonly begunWallMs: number;
}

export function beginLife(clock: Clock): StatementLife {
  return { begunMonotonicMs: clock.monotonicMs(), begunWallMs: clock.nowMs() };
}

/** The life of a statement that carries the entries of both. */
export function earlierLife(one: StatementLife, other: StatementLife): StatementLife {
  return {
    begunMonotonicMs: Math.min(one.begunMonotonicMs, other.begunMonotonicMs),
    begunWallMs: Math.min(one.begunWallMs, other.begunWallMs),
  };
}

/** What is left of the life, milliseconds. Error: WRITE_EXPIRED where nothing is; to be asked right before sending. */
export function lifeLeftMs(life: StatementLife, clock: Clock): number {
  const ageMs = Math.max(
    clock.monotonicMs() - life.begunMonotonicMs,
    clock.nowMs() - life.begunWallMs,
  );
  if (ageMs < STATEMENT_LIFE_MS) return STATEMENT_LIFE_MS - ageMs;
  throw new LockstepError(
    "WRITE_EXPIRED",
    `The write was prepared ${Math.round(ageMs / 1000)} s ago and was not sent any more.`,
  );
}
