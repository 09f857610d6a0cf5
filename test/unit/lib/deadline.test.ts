import { describe, expect, it } from "@jest/globals";
import { within } from "../../../src/lib/deadline.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { deferred } from "../../support/steer.ts";

describe("within", () => {
  it("answers with what the work answers, and leaves no sleep behind", async () => {
    const clock = new ManualClock();

    expect(await within(clock, 100, Promise.resolve("value"))).toEqual({
      outcome: "done",
      value: "value",
    });
    expect(clock.sleeping).toBe(0);
  });

  it("answers with what the work failed with, and leaves no sleep behind", async () => {
    const clock = new ManualClock();
    const error = new Error("refused");

    expect(await within(clock, 100, Promise.reject(error))).toEqual({ outcome: "failed", error });
    expect(clock.sleeping).toBe(0);
  });

  it("gives up at the limit and not before", async () => {
    const clock = new ManualClock();
    let outcome: string | undefined;
    const waited = within(clock, 100, deferred().promise).then((bounded) => {
      outcome = bounded.outcome;
    });

    await clock.advance(99);
    const early = outcome;
    await clock.advance(1);
    await waited;

    expect([early, outcome]).toEqual([undefined, "timed_out"]);
  });

  it("does not cancel the work: whoever holds its promise hears of it later", async () => {
    const clock = new ManualClock();
    const work = deferred<string>();
    const waited = within(clock, 100, work.promise);
    await clock.advance(100);
    await waited;

    work.resolve("late");

    expect(await work.promise).toBe("late");
  });

  it("lets a late failure pass unnoticed", async () => {
    const clock = new ManualClock();
    const work = deferred();
    const waited = within(clock, 100, work.promise);
    await clock.advance(100);

    work.reject(new Error("late"));
    await clock.advance(0);

    expect(await waited).toEqual({ outcome: "timed_out" });
  });

  it("takes a limit that is over already for no time at all", async () => {
    const clock = new ManualClock();
    const waited = within(clock, -5, deferred().promise);

    await clock.advance(0);

    expect(await waited).toEqual({ outcome: "timed_out" });
  });
});
