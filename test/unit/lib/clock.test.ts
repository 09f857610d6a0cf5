import { getEventListeners } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/lib/clock.ts";

describe("systemClock", () => {
  it("sleeps at least about as long as it is told", async () => {
    const beforeMs = systemClock.monotonicMs();

    await systemClock.sleep(20);

    // Timers of Node may come a millisecond early.
    expect(systemClock.monotonicMs() - beforeMs).toBeGreaterThanOrEqual(19);
  });

  it("ends a sleep at once when its signal is aborted, before or during it", async () => {
    const abort = new AbortController();
    const beforeMs = systemClock.monotonicMs();
    const sleep = systemClock.sleep(60_000, abort.signal);

    abort.abort();
    await sleep;
    await systemClock.sleep(60_000, abort.signal);

    expect(systemClock.monotonicMs() - beforeMs).toBeLessThan(30_000);
  });

  it("leaves nothing at a signal that was never aborted", async () => {
    const abort = new AbortController();

    await systemClock.sleep(1, abort.signal);

    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  });

  it("tells wall time in milliseconds since 1970, and monotonic time that does not go back", () => {
    const first = systemClock.monotonicMs();

    expect(systemClock.nowMs()).toBeGreaterThan(Date.UTC(2024, 0, 1));
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });
});
