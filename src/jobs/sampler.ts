import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { LoadDetector } from "../load/load-detector.ts";
import { type NewRecord, RECORDS_MAX, type RecordsPort } from "../store/records-port.ts";
import type { CheckResults, KeptResult } from "./check-results.ts";
import type { CheckRunner } from "./check-runner.ts";
import type { CheckTarget } from "./check-target.ts";
import { type ChosenLook, chooseLook } from "./choose-look.ts";
import type { ReadCounters } from "./counters.ts";
import { lookCandidates } from "./look-candidates.ts";

export interface SamplerRules {
  /** The chance of a look with each call. */
  readonly probability: number;
  /** A model is looked at once in this time at most, by all processes together; milliseconds. */
  readonly intervalMs: number;
  /** The usual sample, and the largest. */
  readonly sampleSize: number;
  readonly sampleSizeMax: number;
  /** A share of sound copies below this is warned of. */
  readonly threshold: number;
  /** Below this, what may be is reconciled at once; 0 = never. */
  readonly reconcileBelow: number;
}

export interface SamplerParts {
  readonly targets: readonly CheckTarget[];
  readonly runner: Pick<CheckRunner, "check" | "reconcile">;
  readonly results: Pick<CheckResults, "list">;
  readonly records: RecordsPort;
  readonly counters: ReadCounters;
  readonly load: Pick<LoadDetector, "report">;
  /** Whether cache or store is left alone now, because it did not answer. */
  readonly isCircuitOpen: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly rules: SamplerRules;
}

/** How long after a call its look begins, milliseconds: the reply is on its way by then, and a short-lived process has ended. */
export const AFTER_REPLY_MS = 100;

/** How long nothing is tried again after there was no time or nothing to look at, milliseconds. */
const PAUSE_MS = 1000;

/** So many models are weighed against each other at once. */
const MODELS_MAX = 20;

/** So many results of each job are remembered for that. */
const RESULTS_MAX = 100;

const KIND = "sample_turn";

/**
 * Looks at a sample during normal operation, set off by calls and never in their way: a call throws the dice and goes on;
 * what follows runs in the background, one at a time, and not at all under high load or while a backend is left alone.
 */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #stopped = new AbortController();
  #looking: Promise<void> | undefined;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  /** Told of each call that was answered. Returns at once and never fails. */
  afterCall(): void {
    const { random, rules, clock } = this.#parts;
    if (rules.probability === 0 || random.fraction() >= rules.probability) return;
    if (this.#looking !== undefined || this.#stopped.signal.aborted) return;
    if (clock.monotonicMs() < this.#notBeforeMs) return;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Resolves when the look under way has stopped. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopped;
    try {
      await clock.sleep(AFTER_REPLY_MS, signal);
      if (signal.aborted) return;
      this.#pause(PAUSE_MS);
      if (await this.#isBadTime()) return;
      const due = await this.#due();
      const choice = await this.#choose(due);
      if (choice !== undefined && (await this.#takeTurn(choice.candidate.model)))
        await this.#sample(choice);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "A sample could not be looked at");
    }
  }

  async #isBadTime(): Promise<boolean> {
    const { isCircuitOpen, load } = this.#parts;
    return isCircuitOpen() || (await load.report()).highLoad;
  }

  /** Models that nobody has looked at for the interval. Where there is none, nothing is asked until one is. */
  async #due(): Promise<readonly string[]> {
    const { records, targets, clock, random } = this.#parts;
    const turns = await records.list(KIND, { limit: RECORDS_MAX });
    const taken = new Set(turns.map(({ id }) => id));
    const due = targets.map(({ model }) => model).filter((model) => !taken.has(model));
    if (due.length === 0) {
      const ends = turns.map(({ expiresAtMs }) => expiresAtMs ?? 0);
      this.#pause(Math.min(...ends) - clock.nowMs());
    }
    // Of more than can be weighed at once, others come up the next time.
    const first = due.length > MODELS_MAX ? Math.floor(random.fraction() * due.length) : 0;
    return [...due.slice(first), ...due.slice(0, first)].slice(0, MODELS_MAX);
  }

  async #choose(due: readonly string[]): Promise<ChosenLook | undefined> {
    const { results, counters, rules, clock } = this.#parts;
    if (due.length === 0) return undefined;
    const jobs = ["sample", "daily_check", "health_check"] as const;
    const pages = await Promise.all(jobs.map((job) => results.list({ job, limit: RESULTS_MAX })));
    const past = pages
      .flatMap((page) => page.results)
      .toSorted((one, other) => other.atMs - one.atMs);
    return chooseLook(
      lookCandidates(due, past, await counters()),
      {
        threshold: rules.threshold,
        min: rules.sampleSize,
        max: Math.max(rules.sampleSize, rules.sampleSizeMax),
        intervalMs: rules.intervalMs,
      },
      clock.nowMs(),
    );
  }

  /** Of all processes that have chosen a model at once, one gets its turn; it is over with the interval, also if its holder dies. */
  #takeTurn(model: string): Promise<boolean> {
    const { records, clock, rules } = this.#parts;
    const atMs = clock.nowMs();
    const turn: NewRecord = {
      kind: KIND,
      id: model,
      group: "",
      atMs,
      expiresAtMs: atMs + rules.intervalMs,
      body: {},
    };
    return records.replace(turn, 0);
  }

  async #sample({ candidate, sampleSize, reason }: ChosenLook): Promise<void> {
    const { runner, rules } = this.#parts;
    const { signal } = this.#stopped;
    const target = this.#targetOf(candidate.model);
    const { prefix } = candidate;
    const result = await runner.check({
      job: "sample",
      target,
      reason,
      signal,
      sampleSize,
      warnBelow: rules.threshold,
      ...(prefix === undefined ? {} : { prefix }),
    });
    const why = this.#whyReconcile(result);
    if (why !== undefined && target.reconcile !== undefined)
      await runner.reconcile({ job: "sample", target, reason: why, extent: "some", signal });
  }

  #whyReconcile(result: KeptResult | undefined): string | undefined {
    const { reconcileBelow } = this.#parts.rules;
    const { ratio = null, checked = 0, consistent = 0 } = result?.findings ?? {};
    if (ratio === null || ratio >= reconcileBelow) return undefined;
    return `A sample found ${consistent} of ${checked} copies sound, which is below ${reconcileBelow}`;
  }

  #targetOf(model: string): CheckTarget {
    const target = this.#parts.targets.find((each) => each.model === model);
    if (target === undefined) throw new RangeError(`There is no model ${model}.`);
    return target;
  }

  #pause(ms: number): void {
    this.#notBeforeMs = this.#parts.clock.monotonicMs() + ms;
  }
}
