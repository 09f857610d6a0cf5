import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Alert } from "./alert-schema.ts";
import type { AlertSink, Delivery } from "./alert-sink-port.ts";

/** How long before each attempt, milliseconds: a receiver that is restarted is back by the last one. */
const PAUSES_MS = [0, 1_000, 5_000, 25_000];

export interface DeliveryLimits {
  readonly clock: Clock;
  /** How long one attempt may take, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How long all attempts may take, milliseconds. */
export function deliveryLimitMs(timeoutMs: number): number {
  return PAUSES_MS.reduce((sum, pauseMs) => sum + pauseMs + timeoutMs, 0);
}

/** Delivers an alert, in a few attempts if need be. Never fails, and never takes longer than its limits, also where the sink hangs. */
export async function deliverAlert(
  sink: AlertSink,
  alert: Alert,
  { clock, timeoutMs, signal }: DeliveryLimits,
): Promise<Delivery> {
  let last: Delivery = { outcome: "failed", why: "it was stopped before the first attempt" };
  for (const pauseMs of PAUSES_MS) {
    await clock.sleep(pauseMs, signal);
    if (signal.aborted) return last;
    last = await attempt(sink, alert, { clock, timeoutMs, signal });
    if (last.outcome !== "failed") return last;
  }
  return last;
}

async function attempt(
  sink: AlertSink,
  alert: Alert,
  { clock, timeoutMs, signal }: DeliveryLimits,
): Promise<Delivery> {
  const over = new AbortController();
  const stop = () => over.abort("stopped");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const bounded = await within(clock, timeoutMs, sink.deliver(alert, over.signal));
    switch (bounded.outcome) {
      case "done":
        return bounded.value;
      case "timed_out":
        return { outcome: "failed", why: `it did not answer within ${timeoutMs} ms` };
      case "failed":
        return { outcome: "failed", why: "an unexpected error" };
    }
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort("over");
  }
}
