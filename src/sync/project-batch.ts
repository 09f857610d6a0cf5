import { type Entry, newestOfEach } from "../model/entry.ts";
import type { OutboxEvent } from "../store/outbox-port.ts";

/** The newest entry of each key in a batch: the older ones would be refused by the shadow anyway. */
export function newestPerKey(events: readonly OutboxEvent[]): readonly Entry[] {
  return [...newestOfEach(events.map(({ entry }) => entry)).values()];
}

/** How long a refused event rests, milliseconds: doubled with each attempt from 1 s up to a minute, spread by up to half. */
export function backoffMs(attempts: number, fraction: number): number {
  const full = Math.min(1000 * 2 ** Math.min(attempts, 10), 60_000);
  return Math.round(full * (0.5 + fraction / 2));
}

/**
 * How long events rest that an outage has met, milliseconds: as long however long it lasts, up to a second. The next interval of the
 * projector claims them, so they are applied as soon after it as if their claimer had died.
 */
export function outageRestMs(fraction: number): number {
  return backoffMs(0, fraction);
}

/** Longer than any reason a store gives, and short enough to list a hundred. */
const CAUSE_MAX_CHARACTERS = 500;

/** Why an event was refused, in words. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.message : "Unknown cause.";
  return cause.slice(0, CAUSE_MAX_CHARACTERS);
}
