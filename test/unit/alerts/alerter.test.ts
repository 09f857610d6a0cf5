import { describe, expect, it } from "@jest/globals";
import { Alerter } from "../../../src/alerts/alerter.ts";
import type { RecordsPort } from "../../../src/store/records-port.ts";
import { checkedKeys, checkFailed } from "../../support/alerts/checked-health.ts";
import { ScriptedSink } from "../../support/alerts/scripted-sink.ts";
import { cacheDown, storeDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { type Steered, steer } from "../../support/steer.ts";

const INTERVAL_MS = 300_000;
const HOUR_MS = 3_600_000;

/** A store, and any number of processes on it whose alerts go to the same places. */
async function openWorld() {
  const clock = new ManualClock();
  const random = new SeededRandom(11);
  const { records } = await openMemorySqlite({ clock, random });
  const sinks = [new ScriptedSink("webhook"), new ScriptedSink("slack")] as const;
  const instance = () => new Instance(sinks, records, clock, random);
  return { clock, sinks, webhook: sinks[0], slack: sinks[1], instance, one: instance() };
}

/** Lets what needs no time happen first, so that no limit has run out before it began. */
async function untilNextCheck(clock: ManualClock): Promise<void> {
  await clock.advance(0);
  await clock.advance(INTERVAL_MS);
}

class Instance {
  readonly alerter: Alerter;
  readonly log = new RecordingLog();
  readonly records: Steered<RecordsPort>;
  readonly #clock: ManualClock;

  constructor(
    sinks: readonly ScriptedSink[],
    records: RecordsPort,
    clock: ManualClock,
    random: SeededRandom,
  ) {
    this.#clock = clock;
    this.records = steer<RecordsPort>("records", records, []);
    this.alerter = new Alerter({
      sinks,
      records: this.records.port,
      clock,
      random,
      log: this.log,
      source: { by: "process 1 on host", version: "0.1.0" },
      redact: (text) => text,
      timeoutMs: 10_000,
      remindMs: 24 * HOUR_MS,
    });
  }

  async finds(...found: Parameters<typeof checkedKeys> extends [number, ...infer F] ? F : never) {
    this.alerter.checked(checkedKeys(this.#clock.nowMs(), ...found), "held");
    await untilNextCheck(this.#clock);
  }

  async fails(error: unknown, lease: "held" | "unknown" = "held") {
    this.alerter.checked(checkFailed(this.#clock.nowMs(), error), lease);
    await untilNextCheck(this.#clock);
  }

  async looksOn() {
    this.alerter.leftToAnother();
    await untilNextCheck(this.#clock);
  }

  storeIs(state: "up" | "down" | "hanging") {
    this.records.onEvery(
      state === "up"
        ? undefined
        : async () => {
            if (state === "down") throw storeDown();
            return new Promise(() => undefined);
          },
    );
  }
}

describe("Alerter", () => {
  it("tells each sink of each change once", async () => {
    const { one, sinks } = await openWorld();

    await one.finds(["a", "ok"]);
    await one.finds(["a", "lost"]);
    await one.finds(["a", "lost"]);
    await one.fails(cacheDown());
    await one.fails(cacheDown());
    await one.finds(["a", "ok"]);
    await one.finds(["a", "ok"]);

    for (const { told } of sinks) {
      expect(told).toEqual(["issues_detected", "check_failed", "recovered"]);
    }
    expect(one.alerter.counts).toEqual({ delivered: 6, failed: 0 });
    expect(new Set(sinks.map(({ taken }) => taken[0]?.id)).size).toBe(1);
  });

  it("repeats what lasts, once in each span, with since when it lasts", async () => {
    const { one, webhook, clock } = await openWorld();
    const sinceMs = clock.nowMs();

    for (let check = 0; check < (49 * HOUR_MS) / INTERVAL_MS; check += 1)
      await one.finds(["a", "lost"]);

    expect(webhook.told).toEqual([
      "issues_detected",
      "still issues_detected",
      "still issues_detected",
    ]);
    expect(webhook.taken[2]?.since).toBe(new Date(sinceMs).toISOString());
  });

  it("tells a sink that was down with the next check, and the others nothing again", async () => {
    const { one, webhook, slack } = await openWorld();
    webhook.answer = async () => ({ outcome: "failed", why: "it answered 503" });

    await one.finds(["a", "lost"]);
    webhook.answer = async () => ({ outcome: "delivered" });
    await one.finds(["a", "lost"]);

    expect(webhook.told).toEqual(["issues_detected"]);
    expect(webhook.attempts).toBe(5);
    expect(slack.attempts).toBe(1);
    expect(one.log.messages("warn")).toEqual([
      "An alert could not be delivered to webhook; the next check tries again",
    ]);
    expect(one.alerter.counts).toEqual({ delivered: 2, failed: 1 });
  });

  it("does not tell of a recovery who never heard of the trouble", async () => {
    const { one, webhook, slack } = await openWorld();
    webhook.answer = async () => ({ outcome: "refused", why: "it answered 404" });
    await one.finds(["a", "lost"]);
    webhook.answer = async () => ({ outcome: "delivered" });

    await one.finds(["a", "ok"]);

    expect(webhook.told).toEqual([]);
    expect(slack.told).toEqual(["issues_detected", "recovered"]);
  });

  it("goes on where another process has stopped", async () => {
    const { one, instance, webhook } = await openWorld();
    await one.finds(["a", "lost"]);
    await one.alerter.stop();
    const another = instance();

    await another.finds(["a", "lost"]);
    await another.finds(["a", "ok"]);

    expect(webhook.told).toEqual(["issues_detected", "recovered"]);
  });

  it("lets one of two tell, where both believe that the check is theirs", async () => {
    const { clock, one, instance, webhook } = await openWorld();
    const another = instance();
    const checked = checkedKeys(clock.nowMs(), ["a", "lost"]);

    one.alerter.checked(checked, "held");
    another.alerter.checked(checked, "held");
    await untilNextCheck(clock);

    expect(webhook.told).toEqual(["issues_detected"]);
  });

  it("leaves a change to the process that is telling it, and takes it up once that is dead", async () => {
    const { clock, one, instance, webhook, slack } = await openWorld();
    slack.answer = () => new Promise(() => undefined);
    const [dying, heir] = [one, instance()];
    dying.alerter.checked(checkedKeys(clock.nowMs(), ["a", "lost"]), "held");
    await clock.advance(0);
    heir.alerter.checked(checkedKeys(clock.nowMs(), ["a", "lost"]), "held");
    await clock.advance(0);
    const meanwhile = webhook.attempts;
    // A killed process writes nothing any more.
    dying.storeIs("hanging");

    slack.answer = async () => ({ outcome: "delivered" });
    await clock.advance(INTERVAL_MS);
    await heir.finds(["a", "lost"]);

    expect(meanwhile).toBe(1);
    expect(slack.told).toContain("issues_detected");
  });

  it.each(["down", "hanging"] as const)(
    "tells that the store is %s, once, and that it is back",
    async (state) => {
      const { one, webhook } = await openWorld();
      await one.finds(["a", "ok"]);
      one.storeIs(state);

      await one.fails(storeDown(), "unknown");
      await one.fails(storeDown(), "unknown");
      one.storeIs("up");
      await one.finds(["a", "ok"]);
      await one.finds(["a", "ok"]);

      expect(webhook.told).toEqual(["check_failed", "recovered"]);
    },
  );

  it("keeps still about the store where another process has the check, and keeps for that one what it has told itself", async () => {
    const { one, instance, webhook } = await openWorld();
    const another = instance();
    await one.finds(["a", "ok"]);
    await another.looksOn();
    for (const each of [one, another]) each.storeIs("down");
    await one.fails(storeDown(), "unknown");
    await another.fails(storeDown(), "unknown");
    const during = [...webhook.told];

    // The store is back, and the lease has gone to the other process meanwhile.
    for (const each of [one, another]) each.storeIs("up");
    await another.finds(["a", "ok"]);
    await one.looksOn();
    await another.finds(["a", "ok"]);

    expect(during).toEqual(["check_failed"]);
    expect(webhook.told).toEqual(["check_failed", "recovered"]);
  });

  it("never waits for a sink: checks that come meanwhile are told by their latest", async () => {
    const { one, clock, webhook } = await openWorld();
    webhook.answer = () => new Promise(() => undefined);
    one.alerter.checked(checkedKeys(clock.nowMs(), ["a", "lost"]), "held");
    await clock.advance(0);

    one.alerter.checked(checkFailed(clock.nowMs(), cacheDown()), "held");
    one.alerter.checked(checkedKeys(clock.nowMs(), ["a", "ok"]), "held");
    webhook.answer = async () => ({ outcome: "delivered" });
    await clock.advance(INTERVAL_MS);

    expect(webhook.told).toEqual(["issues_detected", "recovered"]);
  });

  it("stops at once, with a sink and a store that hang, and leaves the alert to the next process", async () => {
    const { one, clock, instance, webhook } = await openWorld();
    webhook.answer = () => new Promise(() => undefined);
    one.alerter.checked(checkedKeys(clock.nowMs(), ["a", "lost"]), "held");
    await clock.advance(0);
    one.storeIs("hanging");

    await one.alerter.stop();
    webhook.answer = async () => ({ outcome: "delivered" });
    await clock.advance(INTERVAL_MS);
    await instance().finds(["a", "lost"]);

    expect(webhook.told).toEqual(["issues_detected"]);
    expect(one.log.messages("warn")).toEqual([]);
  });

  it("takes what another release has kept for nothing", async () => {
    const { one, webhook } = await openWorld();
    await one.records.port.put([
      {
        kind: "alert_state",
        id: "health_check",
        group: "",
        atMs: 1,
        expiresAtMs: null,
        body: { told: 7 },
      },
    ]);

    await one.finds(["a", "lost"]);

    expect(webhook.told).toEqual(["issues_detected"]);
  });
});
