import { describe, expect, it } from "@jest/globals";
import { ManualClock } from "../../support/manual-clock.ts";

describe("ManualClock", () => {
  it("wakes sleepers in the order of their time, each at its own time", async () => {
    const clock = new ManualClock({ nowMs: 1_000 });
    const woken: string[] = [];
    const late = clock.sleep(30).then(() => woken.push(`late at ${clock.nowMs()}`));
    const early = clock.sleep(10).then(() => woken.push(`early at ${clock.nowMs()}`));

    await clock.advance(50);

    await Promise.all([late, early]);
    expect(woken).toEqual(["early at 1010", "late at 1030"]);
    expect(clock.nowMs()).toBe(1_050);
  });

  it("runs a loop that sleeps again as often as its time comes", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    let rounds = 0;
    const loop = (async () => {
      while (!stop.signal.aborted) {
        await clock.sleep(2_000, stop.signal);
        rounds += 1;
      }
    })();

    await clock.advance(10_000);

    expect(rounds).toBe(5);
    stop.abort();
    await loop;
    expect(clock.sleeping).toBe(0);
  });

  it("ends a sleep at once when its signal is or becomes aborted", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const sleep = clock.sleep(1_000, stop.signal);

    stop.abort();

    await sleep;
    await clock.sleep(1_000, stop.signal);
    expect(clock.monotonicMs()).toBe(0);
  });

  it("keeps monotonic time when the wall clock is set back", async () => {
    const clock = new ManualClock({ nowMs: 5_000 });
    await clock.advance(100);

    clock.setWallClock(1_000);

    expect(clock.nowMs()).toBe(1_000);
    expect(clock.monotonicMs()).toBe(100);
  });

  it("waits for code to fall asleep before it is moved on", async () => {
    const clock = new ManualClock();
    let woke = false;
    const work = (async () => {
      await Promise.resolve();
      await clock.sleep(10);
      woke = true;
    })();

    await clock.untilSleeping();
    await clock.advance(10);

    await work;
    expect(woke).toBe(true);
  });
});
