import type { Config } from "../config/schema.ts";
import { CheckResults } from "../jobs/check-results.ts";
import { CheckRunner } from "../jobs/check-runner.ts";
import { readCounters } from "../jobs/counters.ts";
import { dailyCheck } from "../jobs/daily-check.ts";
import { keepHealth } from "../jobs/keep-health.ts";
import { KvTarget } from "../jobs/kv-target.ts";
import { ModelTarget } from "../jobs/model-target.ts";
import { Sampler } from "../jobs/sampler.ts";
import { type Occasion, ScheduledJob } from "../jobs/scheduled-job.ts";
import { weeklyReconcile } from "../jobs/weekly-reconcile.ts";
import { CronSchedule } from "../lib/cron-schedule.ts";
import type { LoadDetector } from "../load/load-detector.ts";
import type { ModelChecker } from "../models/model-checker.ts";
import type { ModelReconciler } from "../models/model-reconciler.ts";
import type { CacheVerifier } from "../verify/cache-verifier.ts";
import type { CheckedHealth } from "../verify/health-check.ts";
import type { AuthoritySide } from "./authority-side.ts";
import type { Environment } from "./environment.ts";
import type { OpenedStore } from "./open-store.ts";

/** What looks by itself, and what it has found. */
export interface Jobs {
  readonly results: CheckResults;
  readonly keepHealth: (checked: CheckedHealth) => Promise<void>;
  readonly afterCall: () => void;
  start(): void;
  /** Resolves when everything under way has stopped. */
  stop(): Promise<void>;
}

const DAY_MS = 24 * 3_600_000;

export function openJobs(parts: {
  readonly config: Config;
  readonly environment: Environment;
  readonly opened: Pick<OpenedStore, "store" | "records" | "bucketStates">;
  readonly verifier: CacheVerifier;
  /** Names of the models that are declared; they are looked at in place of the keys of cache and store. */
  readonly models: readonly string[];
  readonly checker: ModelChecker;
  readonly reconciler: ModelReconciler;
  readonly policy: AuthoritySide["policy"];
  readonly load: LoadDetector;
  /** Whether cache or store is left alone now, because it did not answer. */
  readonly isCircuitOpen: () => boolean;
  /** Which process of which machine. */
  readonly by: string;
}): Jobs {
  const { config, opened, policy, by } = parts;
  const { clock, random, logger: log } = parts.environment;
  const { store, records, bucketStates } = opened;
  const results = new CheckResults({
    records,
    random,
    keep: config.checkResultsKeep,
    keepMs: config.checkResultsDays * DAY_MS,
  });
  const counters = readCounters({ policy, bucketStates });
  const runner = new CheckRunner({ results, counters, by, clock, log });
  const models = parts.models.map((model) => new ModelTarget(model, parts));
  const targets = models.length > 0 ? models : [new KvTarget(parts.verifier)];

  const scheduled = (
    name: string,
    pattern: string | null,
    work: (occasion: Occasion) => Promise<void>,
  ): readonly ScheduledJob[] => {
    if (pattern === null) return [];
    const schedule = new CronSchedule(pattern);
    return [new ScheduledJob({ name, schedule, work, store, records, clock, random, log })];
  };
  const sampleSize = models.length > 0 ? config.checkSampleSize : 0;
  const schedules = [
    ...scheduled("daily_check", config.checkCron, (occasion) =>
      dailyCheck({ runner, targets, sampleSize }, occasion),
    ),
    // Without models there is nothing that may be mended unattended.
    ...scheduled("weekly_reconcile", models.length > 0 ? config.reconcileCron : null, (occasion) =>
      weeklyReconcile({ runner, targets: models }, occasion),
    ),
  ];
  const sampler = new Sampler({
    targets,
    runner,
    results,
    records,
    counters,
    load: parts.load,
    isCircuitOpen: parts.isCircuitOpen,
    clock,
    random,
    log,
    rules: {
      probability: config.sampler ? config.samplerProbability : 0,
      intervalMs: config.samplerIntervalSec * 1000,
      sampleSize: config.samplerSampleSize,
      sampleSizeMax: config.samplerSampleSizeMax,
      threshold: config.samplerThreshold,
      reconcileBelow: config.samplerReconcileBelow,
    },
  });
  return {
    results,
    afterCall: () => sampler.afterCall(),
    keepHealth: keepHealth(runner, config.healthIntervalMs),
    start() {
      for (const schedule of schedules) schedule.start();
    },
    async stop() {
      await Promise.all([sampler, ...schedules].map((job) => job.stop()));
    },
  };
}
