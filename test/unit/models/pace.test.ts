import { describe, expect, it } from "@jest/globals";
import { Pace } from "../../../src/models/pace.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { seeded } from "../../support/seeded-random.ts";

/** Every sleep is over at once, and has taken its time. */
class SleepingClock extends ManualClock {
  #atMs = 0;

  override monotonicMs(): number {
    return this.#atMs;
  }

  override async sleep(ms: number): Promise<void> {
    this.passMs(ms);
  }

  /** Work takes time as well. */
  passMs(ms: number): void {
    this.#atMs += ms;
  }
}

describe("Pace", () => {
  it("lets the first go at once, and holds each later one back for those before it", async () => {
    const clock = new ManualClock();
    const pace = new Pace(clock, 100);
    const done: string[] = [];
    const take = (what: string, items: number) => {
      void pace.take(items).then(() => done.push(`${what} at ${clock.monotonicMs()}`));
    };

    take("ten", 10);
    take("fifty", 50);
    take("one", 1);
    await clock.advance(0);
    await clock.advance(2_000);

    expect(done).toEqual(["ten at 0", "fifty at 100", "one at 600"]);
  });

  it("saves nothing of the time in which there was nothing to do", async () => {
    const clock = new ManualClock();
    const pace = new Pace(clock, 10);
    await pace.take(10);
    await clock.advance(3_600_000);

    await pace.take(10);
    const second = pace.take(1);
    await clock.advance(999);

    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    await second;
    expect(clock.sleeping).toBe(0);
  });

  it("never holds anything back where there is no limit", async () => {
    const clock = new ManualClock();
    const pace = new Pace(clock, 0);

    for (let round = 0; round < 5; round += 1) await pace.take(1_000_000);

    expect(clock.monotonicMs()).toBe(0);
  });

  it("lets go at once when it is cancelled, and counts what was to be done all the same", async () => {
    const clock = new ManualClock();
    const pace = new Pace(clock, 10);
    const cancelled = new AbortController();
    await pace.take(10);
    const waiting = pace.take(10, cancelled.signal);

    cancelled.abort();
    await waiting;
    const next = pace.take(1);
    await clock.advance(1_999);

    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    await next;
  });

  it(
    "keeps the average, however much of the time is spent at work between two takes",
    seeded(async (random) => {
      const clock = new SleepingClock();
      const perSec = 1 + random.integer(500);
      const pace = new Pace(clock, perSec);
      const items = Array.from({ length: 50 }, () => 1 + random.integer(100));
      let before = 0;

      for (const count of items) {
        await pace.take(count);
        // Sums of fractions are exact but for their last digits.
        expect(clock.monotonicMs()).toBeCloseTo((before * 1000) / perSec, 6);
        before += count;
        if (random.fraction() < 0.5) clock.passMs((random.fraction() * (count * 1000)) / perSec);
      }
    }),
  );
});
