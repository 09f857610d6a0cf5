import { describe, expect, it } from "@jest/globals";
import type { Alert } from "../../src/alerts/alert-schema.ts";
import type { AlertSink } from "../../src/alerts/alert-sink-port.ts";
import { makeAlert } from "../../src/alerts/make-alert.ts";
import type { Behaviour } from "../support/alerts/alert-receiver.ts";
import { checkedKeys } from "../support/alerts/checked-health.ts";
import { waitUntil } from "../support/wait-until.ts";
import { closedAfterEach } from "./closed-after-each.ts";

export interface SinkHarness {
  readonly sink: AlertSink;
  /** How the other side answers from now on. */
  readonly behave: (behaviour: Behaviour) => void;
  /** The other side is gone: nothing listens there any more. */
  readonly goDown: () => Promise<void>;
  /** What has arrived, each as one text. */
  readonly arrived: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** An alert whose key tries whatever a text could do on its way. */
export function anAlert(key = "user:1 <!channel> & <https://x|y>\r\n.\r\nbcc: a@b"): Alert {
  return makeAlert(checkedKeys(Date.UTC(2026, 10, 21), [key, "lost"]), {
    id: "0011223344556677",
    by: "process 1 on host",
    version: "0.1.0",
    reminder: false,
    sinceMs: Date.UTC(2026, 10, 21),
    redact: (text) => text,
  });
}

/** Every sentence of alert-sink-port.ts, as a claim about one sink. */
export function describeAlertSinkContract(
  name: string,
  openHarness: () => Promise<SinkHarness>,
): void {
  describe(`${name} as a sink of alerts`, () => {
    const open = closedAfterEach(openHarness);
    const running = () => new AbortController().signal;

    it("delivers an alert, and with it what it says", async () => {
      const { sink, arrived } = await open();

      expect(await sink.deliver(anAlert("user:1"), running())).toEqual({ outcome: "delivered" });

      expect(arrived()).toHaveLength(1);
      expect(arrived()[0]).toContain("Cache and store differ in 1 key (1 lost)");
      expect(arrived()[0]).toContain("user:1");
    });

    it("delivers one after the other", async () => {
      const { sink, arrived } = await open();

      for (let alert = 0; alert < 3; alert += 1) await sink.deliver(anAlert(), running());

      expect(arrived()).toHaveLength(3);
    });

    it("says that the other side refuses", async () => {
      const { sink, behave, arrived } = await open();
      behave("refuses");

      expect(await sink.deliver(anAlert(), running())).toMatchObject({ outcome: "refused" });
      expect(arrived()).toEqual([]);
    });

    it("says that it failed where the other side has a fault of its own, and delivers once that is gone", async () => {
      const { sink, behave } = await open();
      behave("fails");
      const failed = await sink.deliver(anAlert(), running());
      behave("accepts");

      expect(failed).toMatchObject({ outcome: "failed" });
      expect(await sink.deliver(anAlert(), running())).toEqual({ outcome: "delivered" });
    });

    it("says that it failed where nobody is there, without naming a secret", async () => {
      const { sink, goDown } = await open();
      await goDown();

      const delivery = await sink.deliver(anAlert(), running());

      expect(delivery).toMatchObject({ outcome: "failed", why: expect.any(String) });
      expect(JSON.stringify(delivery)).not.toContain("s3cret");
    });

    it("gives up on a side that hangs", async () => {
      const { sink, behave } = await open();
      behave("hangs");
      const stop = new AbortController();
      const delivering = sink.deliver(anAlert(), stop.signal);
      stop.abort();

      expect(await waitUntil(() => delivering, { what: "the end of the attempt" })).toMatchObject({
        outcome: "failed",
      });
    });
  });
}
