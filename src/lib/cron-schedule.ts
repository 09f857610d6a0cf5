import { Cron } from "croner";

/**
 * The times that a cron pattern names, in UTC, milliseconds since 1970. Plain arithmetic: it keeps no timer and asks no
 * clock, so that whoever waits for the next time does it on a clock of its own.
 */
export class CronSchedule {
  readonly #cron: Cron;

  /** Five fields: minute, hour, day of the month, month, day of the week. Error: a TypeError or RangeError that says what is wrong. */
  constructor(pattern: string) {
    // Croner takes dates and nicknames for patterns too; and its ? is the time at which a process has started.
    if (pattern.trim().split(/\s+/).length !== 5 || pattern.includes("?"))
      throw new TypeError("A pattern has five fields, and none of them is a ?.");
    this.#cron = new Cron(pattern, { paused: true, utcOffset: 0, mode: "5-part" });
    if (this.#cron.nextRun(new Date(0)) === null)
      throw new RangeError("The pattern names a day that no year has.");
  }

  /** The first time after this one. */
  next(afterMs: number): number {
    const next = this.#cron.nextRun(new Date(afterMs));
    if (next === null) throw new RangeError("No time comes after this one.");
    return next.getTime();
  }

  /** The last time up to this one, which may be one itself. */
  latest(nowMs: number): number {
    // Croner's previous runs are those before its reference.
    const [latest] = this.#cron.previousRuns(1, new Date(nowMs + 1));
    if (latest === undefined) throw new RangeError("No time has come up to this one.");
    return latest.getTime();
  }
}
