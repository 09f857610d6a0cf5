import type { Alert } from "../../../src/alerts/alert-schema.ts";
import type { AlertSink, Delivery, SinkName } from "../../../src/alerts/alert-sink-port.ts";

/** A sink that answers as it is told, and keeps what it has taken. */
export class ScriptedSink implements AlertSink {
  readonly name: SinkName;
  readonly taken: Alert[] = [];
  attempts = 0;
  answer: (signal: AbortSignal) => Promise<Delivery> = async () => ({ outcome: "delivered" });

  constructor(name: SinkName = "webhook") {
    this.name = name;
  }

  /** What it was told, each in a word. */
  get told(): readonly string[] {
    return this.taken.map(({ event, reminder }) => (reminder ? `still ${event}` : event));
  }

  async deliver(alert: Alert, signal: AbortSignal): Promise<Delivery> {
    this.attempts += 1;
    const delivery = await this.answer(signal);
    if (delivery.outcome === "delivered") this.taken.push(alert);
    return delivery;
  }
}
