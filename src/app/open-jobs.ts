import type { Config } from "../config/schema.ts";
import { CheckResults } from "../jobs/check-results.ts";
import { CheckRunner } from "../jobs/check-runner.ts";
import { readCounters } from "../jobs/counters.ts";
import { dailyCheck } from "../jobs/daily-check.ts";
import { keepHealth } from "../jobs/keep-health.ts";
import { KvTarget } from "../jobs/kv-target.ts";
import { type Occasion, ScheduledJob } from "../jobs/scheduled-job.ts";
import { CronSchedule } from "../lib/cron-schedule.ts";
import type { CacheVerifier } from "../verify/cache-verifier.ts";
import type { CheckedHealth } from "../verify/health-check.ts";
import type { AuthoritySide } from "./authority-side.ts";
import type { Environment } from "./environment.ts";
import type { OpenedStore } from "./open-store.ts";

/** What looks by itself, and what it has found. */
export interface Jobs {
  readonly results: CheckResults;
  readonly keepHealth: (checked: CheckedHealth) => Promise<void>;
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
  readonly policy: AuthoritySide["policy"];
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
  const targets = [new KvTarget(parts.verifier)];

  const scheduled = (
    name: string,
    pattern: string | null,
    work: (occasion: Occasion) => Promise<void>,
  ): readonly ScheduledJob[] => {
    if (pattern === null) return [];
    const schedule = new CronSchedule(pattern);
    return [new ScheduledJob({ name, schedule, work, store, records, clock, random, log })];
  };
  const schedules = scheduled("daily_check", config.checkCron, (occasion) =>
    dailyCheck({ runner, targets }, occasion),
  );
  return {
    results,
    keepHealth: keepHealth(runner, config.healthIntervalMs),
    start() {
      for (const schedule of schedules) schedule.start();
    },
    async stop() {
      await Promise.all(schedules.map((schedule) => schedule.stop()));
    },
  };
}
