import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CheckResult, Findings, JobName } from "./check-result.ts";
import type { CheckResults, KeptResult } from "./check-results.ts";
import type { CheckTarget, ReconcileWanted } from "./check-target.ts";
import type { ReadCounters } from "./counters.ts";

export interface CheckRunnerParts {
  readonly results: Pick<CheckResults, "add">;
  readonly counters: ReadCounters;
  /** Which process of which machine, as results name it. */
  readonly by: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface RunWanted {
  readonly job: JobName;
  readonly target: CheckTarget;
  readonly reason: string;
  readonly signal: AbortSignal;
}

export interface CheckRun extends RunWanted {
  readonly sampleSize?: number;
  readonly prefix?: string;
  /** A share of sound copies below this is worth a warning. */
  readonly warnBelow: number;
}

export interface ReconcileRun extends RunWanted, Pick<ReconcileWanted, "extent"> {}

/** A run that has ended; what is left out is null in its result. */
type FinishedRun = Pick<KeptResult, "job" | "model" | "reason" | "atMs" | "tookMs"> &
  Partial<Pick<KeptResult, "prefix" | "findings" | "reconciled" | "error">>;

/** Runs a check or a reconciliation of one model, logs it and keeps what came of it, a failure too. */
export class CheckRunner {
  readonly #parts: CheckRunnerParts;

  constructor(parts: CheckRunnerParts) {
    this.#parts = parts;
  }

  /** Answers undefined if it was told to stop. Errors: those of keeping the result. */
  async check(run: CheckRun): Promise<KeptResult | undefined> {
    const { target, sampleSize, prefix, signal, warnBelow } = run;
    const result = await this.#run(run, async () => ({
      findings: await target.check({
        signal,
        ...(sampleSize === undefined ? {} : { sampleSize }),
        ...(prefix === undefined ? {} : { prefix }),
      }),
    }));
    if (result?.findings) this.#tellFindings(result, result.findings, warnBelow);
    return result;
  }

  /** As {@link check}, for a target that can be reconciled. */
  async reconcile(run: ReconcileRun): Promise<KeptResult | undefined> {
    const { target, extent, signal } = run;
    const result = await this.#run(run, async () => {
      if (target.reconcile === undefined)
        throw new TypeError(`${target.model} has no reconciliation.`);
      return { reconciled: await target.reconcile({ extent, signal }) };
    });
    if (result?.reconciled)
      this.#parts.log.info(factsOf(result, result.reconciled), `Reconciled ${target.model}`);
    return result;
  }

  /** Keeps what came of a run, also one that was made elsewhere. Errors: STORE_UNAVAILABLE, UNKNOWN_OUTCOME. */
  async keep(run: FinishedRun): Promise<KeptResult> {
    const { results, counters, by } = this.#parts;
    const { prefix = null, findings = null, reconciled = null, error = null, tookMs } = run;
    const result: KeptResult = {
      ...run,
      prefix,
      findings,
      reconciled,
      error,
      tookMs: Math.round(tookMs),
      outcome: outcomeOf(run),
      by,
      counters: await counters(),
    };
    await results.add(result);
    return result;
  }

  async #run(
    { job, target, reason, signal, prefix }: RunWanted & { readonly prefix?: string },
    work: () => Promise<Pick<FinishedRun, "findings" | "reconciled">>,
  ): Promise<KeptResult | undefined> {
    const { clock, log } = this.#parts;
    const { model } = target;
    const [atMs, startedMs] = [clock.nowMs(), clock.monotonicMs()];
    let came: Pick<FinishedRun, "findings" | "reconciled" | "error">;
    try {
      came = await work();
    } catch (error) {
      if (signal.aborted) return undefined;
      log.error({ err: error, job, model }, `Error during ${job} of ${model}`);
      came = { error: errorText(error) };
    }
    const tookMs = clock.monotonicMs() - startedMs;
    return this.keep({ job, model, reason, atMs, tookMs, prefix: prefix ?? null, ...came });
  }

  #tellFindings(result: KeptResult, findings: Findings, warnBelow: number): void {
    const { log } = this.#parts;
    const { checked, consistent, ratio } = findings;
    const text = `Checked ${result.model}: ${consistent} of ${checked} copies are sound`;
    const facts = factsOf(result, findings);
    if (ratio !== null && ratio < warnBelow) log.warn(facts, text);
    else log.info(facts, text);
  }
}

function outcomeOf({ findings, reconciled, error }: FinishedRun): CheckResult["outcome"] {
  if (typeof error === "string" || (reconciled && reconciled.errors > 0)) return "failed";
  return findings && findings.consistent < findings.checked ? "drift" : "good";
}

function factsOf({ job, model, prefix, reason, tookMs }: KeptResult, figures: object): object {
  return { job, model, ...(prefix === null ? {} : { prefix }), reason, tookMs, ...figures };
}

/** Codes and sentences of ours are for people; another error's message may hold what is not. */
export function errorText(error: unknown): string {
  return error instanceof LockstepError
    ? `${error.code}: ${error.message}`
    : "INTERNAL: see the log";
}
