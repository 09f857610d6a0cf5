import { describe, expect, it } from "@jest/globals";
import { WorkerLoop } from "../../../src/lib/worker-loop.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { deferred } from "../../support/steer.ts";

const INTERVAL_MS = 1000;

/** A loop whose steps a test can hold up. */
function openLoop() {
  const clock = new ManualClock();
  const seen = { begun: 0, running: 0, runningMax: 0 };
  let gate = deferred();
  gate.resolve();
  const loop = new WorkerLoop(clock, INTERVAL_MS, async () => {
    seen.begun += 1;
    seen.running += 1;
    seen.runningMax = Math.max(seen.runningMax, seen.running);
    await gate.promise;
    seen.running -= 1;
  });
  return {
    clock,
    loop,
    seen,
    /** From now on steps last until the returned function is called. */
    hold: () => {
      gate = deferred();
      return gate.resolve;
    },
  };
}

describe("WorkerLoop", () => {
  it("runs at start and then every interval after the last step has ended", async () => {
    const { loop, clock, seen } = openLoop();
    loop.start();
    await clock.untilSleeping();
    const atStart = seen.begun;

    await clock.advance(INTERVAL_MS - 1);
    const early = seen.begun;
    await clock.advance(1);
    const second = seen.begun;
    await clock.advance(3 * INTERVAL_MS);

    expect([atStart, early, second, seen.begun]).toEqual([1, 1, 2, 5]);
    await loop.stop();
  });

  it("runs at once when it is nudged between two steps", async () => {
    const { loop, clock, seen } = openLoop();
    loop.start();
    await clock.untilSleeping();

    loop.nudge();
    await clock.advance(0);

    expect(seen.begun).toBe(2);
    await loop.stop();
  });

  it("runs once more right after a step that it was nudged in, however often, and never two at once", async () => {
    const { loop, clock, seen, hold } = openLoop();
    const release = hold();
    loop.start();
    loop.nudge();
    loop.nudge();
    await clock.advance(5 * INTERVAL_MS);
    const during = seen.begun;

    release();
    await clock.advance(0);

    expect([during, seen.begun, seen.runningMax]).toEqual([1, 2, 1]);
    await clock.advance(INTERVAL_MS - 1);
    expect(seen.begun).toBe(2);
    await loop.stop();
  });

  it("waits for the step under way when it is stopped, and tells that step", async () => {
    const clock = new ManualClock();
    const gate = deferred();
    let signal: AbortSignal | undefined;
    const loop = new WorkerLoop(clock, INTERVAL_MS, async (given) => {
      signal = given;
      await gate.promise;
    });
    loop.start();
    let stopped = false;
    const stop = loop.stop().then(() => {
      stopped = true;
    });
    await clock.advance(0);
    const early = stopped;

    gate.resolve();
    await stop;

    expect([early, stopped, signal?.aborted]).toEqual([false, true, true]);
  });

  it("ends its pause when it is stopped, and runs no more", async () => {
    const { loop, clock, seen } = openLoop();
    loop.start();
    await clock.untilSleeping();

    await loop.stop();
    loop.nudge();
    await clock.advance(5 * INTERVAL_MS);

    expect(seen.begun).toBe(1);
    expect(clock.sleeping).toBe(0);
  });

  it("is one loop however often it is started, and none once it is stopped", async () => {
    const { loop, clock, seen } = openLoop();
    loop.start();
    loop.start();
    await clock.untilSleeping();
    const begun = seen.begun;
    await loop.stop();

    loop.start();
    await clock.advance(5 * INTERVAL_MS);

    expect([begun, seen.begun]).toEqual([1, 1]);
  });

  it("has nothing to wait for when it is stopped before it was started", async () => {
    const { loop, clock, seen } = openLoop();

    await loop.stop();
    loop.start();
    await clock.advance(INTERVAL_MS);

    expect(seen.begun).toBe(0);
  });
});
