import { describe, expect, it } from "@jest/globals";
import { deliverAlert, deliveryLimitMs } from "../../../src/alerts/deliver-alert.ts";
import { testAlert } from "../../../src/alerts/make-alert.ts";
import { ScriptedSink } from "../../support/alerts/scripted-sink.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const TIMEOUT_MS = 10_000;
const alert = testAlert({ id: "00", by: "me", version: "1", atMs: 0 });

function begin(sink: ScriptedSink) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const limits = { clock, timeoutMs: TIMEOUT_MS, signal: stop.signal };
  return { clock, stop, delivering: deliverAlert(sink, alert, limits) };
}

describe("deliverAlert", () => {
  it("tries again after 1, 5 and 25 seconds, and says at the end what the last attempt met", async () => {
    const sink = new ScriptedSink();
    const atMs: number[] = [];
    const { clock, delivering } = begin(sink);
    sink.answer = async () => {
      atMs.push(clock.monotonicMs());
      return { outcome: "failed", why: `attempt ${atMs.length}` };
    };

    await clock.advance(60_000);

    expect(await delivering).toEqual({ outcome: "failed", why: "attempt 4" });
    expect(atMs).toEqual([0, 1_000, 6_000, 31_000]);
    expect(clock.sleeping).toBe(0);
  });

  it("stops at the first success", async () => {
    const sink = new ScriptedSink();
    const { clock, delivering } = begin(sink);
    sink.answer = async () =>
      sink.attempts < 2 ? { outcome: "failed", why: "down" } : { outcome: "delivered" };

    await clock.advance(60_000);

    expect(await delivering).toEqual({ outcome: "delivered" });
    expect(sink.attempts).toBe(2);
  });

  it("does not repeat what would be refused again", async () => {
    const sink = new ScriptedSink();
    sink.answer = async () => ({ outcome: "refused", why: "it answered 404" });
    const { clock, delivering } = begin(sink);

    await clock.advance(60_000);

    expect(await delivering).toEqual({ outcome: "refused", why: "it answered 404" });
    expect(sink.attempts).toBe(1);
  });

  it("leaves a sink that hangs, tells it so, and is over within its limit", async () => {
    const sink = new ScriptedSink();
    const signals: AbortSignal[] = [];
    sink.answer = (signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const { clock, delivering } = begin(sink);

    await clock.advance(deliveryLimitMs(TIMEOUT_MS));

    expect(await delivering).toEqual({
      outcome: "failed",
      why: "it did not answer within 10000 ms",
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
  });

  it("survives a sink that breaks its word and fails", async () => {
    const sink = new ScriptedSink();
    sink.answer = async () => {
      throw new Error("unforeseen");
    };
    const { clock, delivering } = begin(sink);

    await clock.advance(60_000);

    expect(await delivering).toMatchObject({ outcome: "failed" });
  });

  it("ends at once when it is told to stop, during an attempt and between two", async () => {
    const hanging = new ScriptedSink();
    hanging.answer = (signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve({ outcome: "failed", why: "aborted" }));
      });
    const failing = new ScriptedSink();
    failing.answer = async () => ({ outcome: "failed", why: "down" });

    for (const sink of [hanging, failing]) {
      const { clock, stop, delivering } = begin(sink);
      await clock.advance(10);
      stop.abort();

      expect(await delivering).toMatchObject({ outcome: "failed" });
      expect(sink.attempts).toBe(1);
    }
  });
});
