import { describe, expect, it } from "@jest/globals";
import { CronSchedule } from "../../../src/lib/cron-schedule.ts";

const at = (text: string) => Date.parse(`${text}Z`);
const text = (ms: number) => new Date(ms).toISOString().slice(0, 16);

describe("a cron schedule", () => {
  it.each([
    {
      pattern: "0 3 * * *",
      now: "2026-11-21T16:20",
      latest: "2026-11-21T03:00",
      next: "2026-11-22T03:00",
    },
    {
      pattern: "30 3 * * 0",
      now: "2026-11-21T16:20",
      latest: "2026-11-15T03:30",
      next: "2026-11-22T03:30",
    },
    {
      pattern: "30 3 * * SUN",
      now: "2026-11-22T03:30",
      latest: "2026-11-22T03:30",
      next: "2026-11-29T03:30",
    },
    {
      pattern: "*/7 * * * *",
      now: "2026-11-21T16:58",
      latest: "2026-11-21T16:56",
      next: "2026-11-21T17:00",
    },
    {
      pattern: "0 0 29 2 *",
      now: "2026-11-21T16:20",
      latest: "2024-02-29T00:00",
      next: "2028-02-29T00:00",
    },
    {
      pattern: "0 3 L * *",
      now: "2026-11-21T16:20",
      latest: "2026-10-31T03:00",
      next: "2026-11-30T03:00",
    },
  ])("$pattern at $now: last $latest, next $next", ({ pattern, now, latest, next }) => {
    const schedule = new CronSchedule(pattern);

    expect(text(schedule.latest(at(now)))).toBe(latest);
    expect(text(schedule.next(at(now)))).toBe(next);
  });

  it("has come with its very millisecond, and not one before", () => {
    const schedule = new CronSchedule("0 3 * * *");
    const slot = at("2026-11-21T03:00");

    expect(schedule.latest(slot)).toBe(slot);
    expect(text(schedule.latest(slot - 1))).toBe("2026-11-20T03:00");
    expect(schedule.next(slot - 1)).toBe(slot);
    expect(text(schedule.next(slot))).toBe("2026-11-22T03:00");
  });

  it.each([
    { pattern: "61 * * * *", why: /minute: 61/ },
    { pattern: "often", why: /five fields/ },
    { pattern: "0 0 3 * * *", why: /five fields/ },
    { pattern: "@reboot", why: /five fields/ },
    { pattern: "2026-12-01T00:00:00", why: /five fields/ },
    { pattern: "? 3 * * *", why: /none of them is a \?/ },
    { pattern: "0 0 31 2 *", why: /no year has/ },
  ])("refuses $pattern", ({ pattern, why }) => {
    expect(() => new CronSchedule(pattern)).toThrow(why);
  });
});
