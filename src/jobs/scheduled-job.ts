import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import type { CronSchedule } from "../lib/cron-schedule.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { StorePort } from "../store/store-port.ts";
import { judgeSlot, type KeptSlot } from "./judge-slot.ts";

/** One run of a job. */
export interface Occasion {
  /** Why it runs now; a sentence for people. */
  readonly reason: string;
  /** Aborts when this instance is told to stop. */
  readonly signal: AbortSignal;
}

export interface ScheduledJobParts {
  /** Lower-case letters and underscores; one schedule for all instances on the store. */
  readonly name: string;
  readonly schedule: CronSchedule;
  /** Reports its own failures. */
  readonly work: (occasion: Occasion) => Promise<void>;
  readonly store: Pick<StorePort, "acquireLease">;
  readonly records: RecordsPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export type RunOutcome = "done" | "not_due" | "left_to_another" | "interrupted";

/** How often an instance looks whether a slot has come, milliseconds: so late is a run at most, where somebody is up. */
export const LOOK_EVERY_MS = 30_000;

/** How long a job is its holder's without a word from it, milliseconds; and how often it gives one. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 20_000;

/** From so late on, a run says that its slot was missed, milliseconds. */
const LATE_MS = 5 * 60_000;

const KIND = "job_slot";

const slotBody = z.object({
  slotMs: z.number(),
  state: z.enum(["running", "done", "interrupted"]),
  attempts: z.number(),
}) satisfies z.ZodType<KeptSlot>;

/**
 * Runs a job at the slots of its schedule, each slot once, however many instances there are. The lease keeps the others
 * from a job that is running, and hands it over if its instance dies; that a slot is begun only once rests on the
 * compare-and-set of the kept slot, and not on the lease or on clocks that agree.
 *
 * A slot goes from nothing to `running` and from there to `done`; `interrupted` by a stop, or `running` without a lease, it
 * is begun again by whoever comes next. Slots that passed while no instance was up are made up for by the
 * first that has been up for {@link LOOK_EVERY_MS}, the latest of them alone.
 */
export class ScheduledJob {
  readonly #parts: ScheduledJobParts;
  readonly #owner: string;
  readonly #loop: WorkerLoop;
  /** The latest slot that needs no more looks at the store. */
  #settledMs = Number.NEGATIVE_INFINITY;
  #failing = false;

  constructor(parts: ScheduledJobParts) {
    this.#parts = parts;
    this.#owner = parts.random.hex(8);
    this.#loop = new WorkerLoop(
      parts.clock,
      LOOK_EVERY_MS,
      (signal) => this.#tick(signal),
      "after the interval",
    );
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when the run under way has stopped; another instance, or the next start, goes on with its slot. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Runs the slot that is due, if this instance may. Errors: those of the store. */
  async run(signal: AbortSignal): Promise<RunOutcome> {
    const { schedule, clock, store, records, name } = this.#parts;
    const nowMs = clock.nowMs();
    const times = { latestMs: schedule.latest(nowMs), nextMs: schedule.next(nowMs) };
    if (times.latestMs <= this.#settledMs) return "not_due";
    if (!(await store.acquireLease(`job:${name}`, this.#owner, LEASE_MS))) return "left_to_another";

    const record = await records.get(KIND, name);
    const kept = record === undefined ? undefined : slotBody.parse(record.body);
    const revision = record?.revision ?? 0;
    const slot = { slotMs: times.latestMs, attempts: kept?.attempts ?? 0 };
    const step = judgeSlot(kept, times);
    switch (step) {
      case "nothing":
        this.#settledMs = times.latestMs;
        return "not_due";
      case "remember":
        await this.#keep({ ...slot, state: "done" }, revision);
        return "not_due";
      case "give_up":
        this.#parts.log.error(
          { job: name },
          "A scheduled run is given up: it never came to its end",
        );
        await this.#keep({ ...slot, state: "done" }, revision);
        return "not_due";
      case "begin":
      case "resume": {
        const attempts = step === "begin" ? 1 : slot.attempts + 1;
        const begun: KeptSlot = { slotMs: times.latestMs, state: "running", attempts };
        if (!(await this.#keep(begun, revision))) return "left_to_another";
        return this.#work(begun, revision + 1, reasonOf(begun, step, nowMs), signal);
      }
    }
  }

  async #work(
    begun: KeptSlot,
    revision: number,
    reason: string,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const { name, work, log } = this.#parts;
    const over = new AbortController();
    const renewing = this.#holdLease(over.signal);
    try {
      await work({ reason, signal });
    } catch (error) {
      log.error({ err: error, job: name }, "A scheduled run failed");
    } finally {
      over.abort("settled");
      await renewing;
    }
    if (signal.aborted) {
      await this.#keep({ ...begun, state: "interrupted", attempts: begun.attempts - 1 }, revision);
      return "interrupted";
    }
    if (await this.#keep({ ...begun, state: "done" }, revision)) this.#settledMs = begun.slotMs;
    return "done";
  }

  async #holdLease(over: AbortSignal): Promise<void> {
    const { clock, store, name, log } = this.#parts;
    for (;;) {
      await clock.sleep(RENEW_EVERY_MS, over);
      if (over.aborted) return;
      try {
        await store.acquireLease(`job:${name}`, this.#owner, LEASE_MS);
      } catch (error) {
        log.debug({ err: error, job: name }, "The lease of a scheduled run could not be renewed");
      }
    }
  }

  /** Answers false where another instance has written since. */
  #keep(slot: KeptSlot, revision: number): Promise<boolean> {
    const { records, clock, name } = this.#parts;
    return records.replace(
      {
        kind: KIND,
        id: name,
        group: "",
        atMs: clock.nowMs(),
        expiresAtMs: null,
        body: { ...slot, by: this.#owner },
      },
      revision,
    );
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { log, name } = this.#parts;
    try {
      await this.run(signal);
      this.#failing = false;
    } catch (error) {
      // One line for an outage, not one for each look.
      if (!this.#failing && !signal.aborted)
        log.warn(
          { err: error, job: name },
          "A schedule cannot be looked at now; it is tried again",
        );
      this.#failing = true;
    }
  }
}

function reasonOf({ slotMs }: KeptSlot, step: "begin" | "resume", nowMs: number): string {
  const slot = `Scheduled for ${new Date(slotMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  if (step === "resume") return `${slot}; taken over from an instance that did not end it`;
  return nowMs - slotMs < LATE_MS ? slot : `${slot}; made up for, since no instance ran then`;
}
