import type { Clock } from "../lib/clock.ts";
import { type Bounded, within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { CheckedHealth, HealthListener } from "../verify/health-check.ts";
import {
  ALERT_RECORD,
  type AlertRecord,
  FIRST_ALERT_RECORD,
  keptAlertRecord,
  mergeAlertRecords,
  readAlertRecord,
} from "./alert-record.ts";
import type { Alert } from "./alert-schema.ts";
import type { AlertSink } from "./alert-sink-port.ts";
import { deliverAlert, deliveryLimitMs } from "./deliver-alert.ts";
import { judgeTold } from "./judge-told.ts";
import { type AlertSource, makeAlert, stateOf } from "./make-alert.ts";

/** How long the store may take to say what was told, milliseconds: an alert that it is down must not wait for it. */
const STORE_LIMIT_MS = 5_000;

export interface AlerterParts {
  readonly sinks: readonly AlertSink[];
  readonly records: Pick<RecordsPort, "get" | "replace">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly source: AlertSource;
  readonly redact: (text: string) => string;
  /** How long one attempt to deliver may take, milliseconds. */
  readonly timeoutMs: number;
  /** After how long something that lasts is told again, milliseconds; 0 = never. */
  readonly remindMs: number;
}

interface Kept {
  readonly record: AlertRecord;
  /** Undefined where the store did not say. */
  readonly revision: number | undefined;
}

/**
 * Tells the sinks when the health of cache and store changes. Everything happens beside the health check, which never waits.
 *
 * What each sink was told is kept in the store, so that of several processes one tells each change, whichever has the
 * health check: it claims the record first, by compare-and-set, and writes what was delivered afterwards. A process that
 * dies in between leaves a claim that runs out, and the next check tells again. Where the store does not answer, the process that
 * had the check last tells by what it remembers, and writes that down later; the others keep still.
 */
export class Alerter implements HealthListener {
  readonly #parts: AlerterParts;
  readonly #owner: string;
  readonly #stopped = new AbortController();
  readonly #whenStopped: Promise<{ readonly outcome: "timed_out" }>;
  #memory: AlertRecord = FIRST_ALERT_RECORD;
  /** Whether the memory holds what the store does not. */
  #isOwing = false;
  #checksElsewhere = false;
  #next: (() => Promise<void>) | undefined;
  #running: Promise<void> | undefined;
  #delivered = 0;
  #failed = 0;

  constructor(parts: AlerterParts) {
    this.#parts = parts;
    this.#owner = parts.random.hex(8);
    this.#whenStopped = new Promise((resolve) => {
      const stopped = () => resolve({ outcome: "timed_out" });
      this.#stopped.signal.addEventListener("abort", stopped, { once: true });
    });
  }

  /** Alerts that were delivered, and that could not be after all attempts. */
  get counts(): { readonly delivered: number; readonly failed: number } {
    return { delivered: this.#delivered, failed: this.#failed };
  }

  checked(checked: CheckedHealth, lease: "held" | "unknown"): void {
    if (lease === "held") this.#checksElsewhere = false;
    // The process that has the check tells that the store is down; nobody could keep the others from telling it too.
    if (this.#checksElsewhere) return;
    this.#run(() => this.#tell(checked));
  }

  leftToAnother(): void {
    this.#checksElsewhere = true;
    if (this.#isOwing) this.#run(() => this.#settle());
  }

  /** Cuts short what is being delivered; another process, or the next start, tells it again. */
  async stop(): Promise<void> {
    this.#stopped.abort("stopped");
    this.#next = undefined;
    await this.#running;
  }

  /** One after the other; of those that wait only the latest is worth anything. */
  #run(work: () => Promise<void>): void {
    if (this.#stopped.signal.aborted) return;
    this.#next = work;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #runAll(): Promise<void> {
    for (let work = this.#next; work !== undefined; work = this.#next) {
      this.#next = undefined;
      try {
        await work();
      } catch (error) {
        this.#parts.log.warn(
          { err: error },
          "Alerts could not be told; the next check tries again",
        );
      }
    }
  }

  async #tell(checked: CheckedHealth): Promise<void> {
    const { clock, random, sinks, remindMs, source, redact } = this.#parts;
    const state = stateOf(checked);
    const kept = await this.#read();
    const { record } = kept;
    const nowMs = clock.nowMs();
    const sinceMs = record.state === state ? record.sinceMs : checked.atMs;
    const wanted = sinks.flatMap((sink) => {
      const what = judgeTold(state, record.told[sink.name], { nowMs, remindMs });
      return what === "nothing" ? [] : [{ sink, reminder: what === "remind" }];
    });
    const current: AlertRecord = { ...record, state, sinceMs };
    if (wanted.length === 0) {
      if (record.state !== state || this.#isOwing) await this.#write(current, kept.revision);
      return;
    }
    const claimed = await this.#claim(current, kept);
    if (claimed === "left_to_another") return;
    const details = { ...source, redact, id: random.hex(8), sinceMs };
    const delivered = await Promise.all(
      wanted.map(async ({ sink, reminder }) => {
        const arrived = await this.#deliver(sink, makeAlert(checked, { ...details, reminder }));
        return arrived ? [[sink.name, { state, atMs: nowMs }] as const] : [];
      }),
    );
    const told: AlertRecord["told"] = { ...record.told, ...Object.fromEntries(delivered.flat()) };
    await this.#write({ ...current, claim: null, told }, claimed.revision);
  }

  async #deliver(sink: AlertSink, alert: Alert): Promise<boolean> {
    const { clock, log, timeoutMs, redact } = this.#parts;
    const { signal } = this.#stopped;
    const facts = { sink: sink.name, event: alert.event, alert: alert.id };
    const delivery = await deliverAlert(sink, alert, { clock, timeoutMs, signal });
    if (delivery.outcome === "delivered") {
      this.#delivered += 1;
      if (delivery.but === undefined) log.info(facts, "An alert was delivered");
      else log.warn({ ...facts, but: delivery.but }, "An alert was delivered in part");
      return true;
    }
    if (signal.aborted) return false;
    this.#failed += 1;
    log.warn(
      { ...facts, why: redact(delivery.why) },
      `An alert could not be delivered to ${sink.name}; the next check tries again`,
    );
    return false;
  }

  /** Writes down what this process has told, for the one that has the check now to go on from. */
  async #settle(): Promise<void> {
    const kept = await this.#read();
    if (kept.revision !== undefined) await this.#write(kept.record, kept.revision);
  }

  async #claim(
    current: AlertRecord,
    { record, revision }: Kept,
  ): Promise<Pick<Kept, "revision"> | "left_to_another"> {
    const { clock, timeoutMs } = this.#parts;
    if (revision === undefined) return { revision };
    const nowMs = clock.nowMs();
    const { claim } = record;
    if (claim !== null && claim.by !== this.#owner && claim.untilMs > nowMs)
      return "left_to_another";
    const untilMs = nowMs + deliveryLimitMs(timeoutMs) + STORE_LIMIT_MS;
    const claimed = { ...current, claim: { by: this.#owner, untilMs } };
    switch (await this.#replace(claimed, revision)) {
      case "written":
        return { revision: revision + 1 };
      case "changed_meanwhile":
        return "left_to_another";
      case "no_answer":
        return { revision: undefined };
    }
  }

  async #read(): Promise<Kept> {
    const { records } = this.#parts;
    const answer = await this.#bounded(records.get(ALERT_RECORD.kind, ALERT_RECORD.id));
    if (answer.outcome !== "done") return { record: this.#memory, revision: undefined };
    const kept = readAlertRecord(answer.value);
    const record = this.#isOwing ? mergeAlertRecords(kept, this.#memory) : kept;
    return { record, revision: answer.value?.revision ?? 0 };
  }

  async #write(record: AlertRecord, revision: number | undefined): Promise<void> {
    this.#memory = record;
    this.#isOwing = revision === undefined || (await this.#replace(record, revision)) !== "written";
  }

  async #replace(
    record: AlertRecord,
    revision: number,
  ): Promise<"written" | "changed_meanwhile" | "no_answer"> {
    const { records, clock } = this.#parts;
    const kept = keptAlertRecord(record, clock.nowMs());
    const answer = await this.#bounded(records.replace(kept, revision));
    if (answer.outcome !== "done") return "no_answer";
    return answer.value ? "written" : "changed_meanwhile";
  }

  /** A process that is told to stop does not wait for a store that hangs. */
  #bounded<T>(work: Promise<T>): Promise<Bounded<T>> {
    return Promise.race([within(this.#parts.clock, STORE_LIMIT_MS, work), this.#whenStopped]);
  }
}
