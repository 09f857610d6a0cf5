import { bindTools } from "../../tools/index.ts";
import { Backup } from "../backup/backup.ts";
import { Restore } from "../backup/restore.ts";
import type { ModelKeysPort } from "../cache/model-keys-port.ts";
import { policyWarnings } from "../cache/policy-warnings.ts";
import { readModelsFile } from "../config/read-models-file.ts";
import type { Config } from "../config/schema.ts";
import { watchStore } from "../history/watch-backends.ts";
import { AdmittingWritePath } from "../kv/admitting-write-path.ts";
import { KvService } from "../kv/kv-service.ts";
import { TtlLister } from "../kv/ttl-lister.ts";
import type { Clock } from "../lib/clock.ts";
import { Closers } from "../lib/closers.ts";
import { within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import { processName } from "../lib/process-name.ts";
import { BackPressure } from "../load/back-pressure.ts";
import { LiveSettings } from "../load/live-settings.ts";
import { LoadDetector } from "../load/load-detector.ts";
import { ModelChecker } from "../models/model-checker.ts";
import { ModelReconciler } from "../models/model-reconciler.ts";
import { ModelRegistry } from "../models/model-registry.ts";
import { Backlog } from "../sync/backlog.ts";
import { CALL_MARGIN_MS } from "../sync/call-margin.ts";
import { DeadLetters } from "../sync/dead-letters.ts";
import { lossWarnings } from "../sync/loss-warnings.ts";
import { Projector } from "../sync/projector.ts";
import { PURGE_INTERVAL_MS, Purger } from "../sync/purger.ts";
import { StoreCircuit } from "../sync/store-circuit.ts";
import { SyncPool } from "../sync/sync-pool.ts";
import { SyncReporter } from "../sync/sync-reporter.ts";
import { SyncStats } from "../sync/sync-stats.ts";
import { CacheVerifier } from "../verify/cache-verifier.ts";
import { HealthCheck } from "../verify/health-check.ts";
import { KeyVerifier } from "../verify/key-verifier.ts";
import { Looker } from "../verify/looker.ts";
import { PlanApplier } from "../verify/plan-applier.ts";
import { PlanJournal } from "../verify/plan-journal.ts";
import { PlanUndoer } from "../verify/plan-undoer.ts";
import { RepairPlanner } from "../verify/repair-planner.ts";
import { Repairer } from "../verify/repairer.ts";
import type { BackendHealth, OperatedApp } from "./app.ts";
import { type AuthoritySide, type SideParts } from "./authority-side.ts";
import { CacheLink } from "./cache-link.ts";
import type { Environment } from "./environment.ts";
import { storeIdUnlessDown } from "./first-contact.ts";
import { keyHistory } from "./key-history.ts";
import { openAlerter } from "./open-alerts.ts";
import { openJobs } from "./open-jobs.ts";
import { type OpenedStore, openStore } from "./open-store.ts";

/** How long a backend may take to answer a health question, milliseconds: longer than a driver takes to know why it cannot. */
const PING_LIMIT_MS = 2000;

/**
 * Builds the server from its configuration: opens the drivers, hands them to services, and services to tools. The one
 * place that sees everything. Errors: CONFIG_INVALID, SCHEMA_TOO_NEW, STORE_UNAVAILABLE (a file that cannot be opened).
 */
export async function compose(config: Config, environment: Environment): Promise<OperatedApp> {
  const closers = new Closers();
  // Before anything is opened: what it declares is part of the configuration.
  const { modelsFile } = config;
  const models = new ModelRegistry(
    modelsFile === undefined ? [] : await readModelsFile(modelsFile),
  );
  const opened = await openStore(config, environment);
  closers.push("store", () => opened.store.close());
  try {
    return await composeAround(opened, models, config, environment, closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

async function composeAround(
  opened: OpenedStore,
  models: ModelRegistry,
  config: Config,
  environment: Environment,
  closers: Closers,
): Promise<OperatedApp> {
  const { clock, random, logger: log } = environment;
  const { outbox, bucketStates } = opened;
  const by = processName();
  const history = keyHistory(config, environment, opened, by);
  const store = watchStore(opened.store, history.historian);
  const { syncTimeoutMs, keyMaxBytes, staleAfterHours } = config;
  const pool = new SyncPool(clock, config.syncConcurrency);
  const circuit = new StoreCircuit(clock);
  const stats = new SyncStats();
  const onEvent = () => projector.nudge();
  const side = await openSide({
    config,
    environment,
    opened,
    pool,
    circuit,
    stats,
    onEvent,
    historian: history.historian,
    pressure: () => pressure,
  });
  closers.push("cache", () => side.cache.close());
  closers.push("owed words", () => side.owed?.stop());
  const { cache, journal, recovery } = side;

  const projector = new Projector({
    outbox,
    store,
    acknowledge: side.acknowledge,
    sweep: side.sweep,
    clock,
    random,
    log,
    intervalMs: config.outboxIntervalMs,
    batchSize: config.outboxBatchSize,
    attemptsMax: config.outboxAttemptsMax,
    onParked: ({ key, version }, cause) =>
      history.historian.note(key, { what: "parked", how: "event", version, note: cause }),
  });
  const backlog = new Backlog(cache, journal, outbox, syncTimeoutMs + CALL_MARGIN_MS);
  const { hasEventPath } = side.writes;
  const settings = new LiveSettings({
    port: opened.settings,
    defaults: {
      mode: config.syncMode,
      poolRatio: config.loadPoolRatio,
      queued: config.loadQueued,
      unprocessed: config.loadUnprocessed,
      memoryRatio: config.pressureMemoryRatio,
      unsyncedMb: config.pressureUnsyncedMb,
      unsyncedAgeSec: config.pressureUnsyncedAgeSec,
      outboxEvents: config.pressureOutboxEvents,
    },
    clock,
    log,
    by,
    hasEventPath,
  });
  const load = new LoadDetector({ pool, backlog, clock, settings, hasEventPath });
  const pressure = new BackPressure({
    cache: journal,
    events: () => load.events,
    clock,
    log,
    settings,
  });
  const writes = new AdmittingWritePath(side.writes, pressure, clock);
  const looker = new Looker({
    cache,
    outbox,
    store,
    clock,
    syncObjectiveMs: config.syncObjectiveMs,
    onIssue: history.onIssue,
    ...side.looking,
  });
  const cacheVerifier = new CacheVerifier({
    cache,
    outbox,
    store,
    looker,
    backlog,
    clock,
    random,
    staleAfterHours,
    namespaces: config.namespaces,
  });
  const modelParts = {
    registry: models,
    backends: {
      documents: opened.modelDocuments,
      keys: await openModelKeys(models, config, log, closers),
      rows: store,
    },
    clock,
    random,
    log,
  };
  const modelChecker = new ModelChecker(modelParts);
  const modelReconciler = new ModelReconciler({
    ...modelParts,
    records: opened.records,
    perSec: config.reconcilePerSec,
  });
  const { policy } = side;
  const jobs = openJobs({
    config,
    environment,
    opened,
    verifier: cacheVerifier,
    models: models.models.map(({ name }) => name),
    checker: modelChecker,
    reconciler: modelReconciler,
    policy,
    load,
    isCircuitOpen: () =>
      circuit.state !== "closed" || (side.cacheCircuit ?? circuit).state !== "closed",
    by,
  });
  const alerter = await openAlerter(config, environment, { opened, by });
  const healthCheck = new HealthCheck({
    verifier: cacheVerifier,
    store,
    clock,
    random,
    log,
    intervalMs: config.healthIntervalMs,
    keep: jobs.keepHealth,
    listener: alerter,
  });
  const purger = new Purger({
    purge: opened.purge,
    store,
    journal,
    clock,
    random,
    log,
    intervalMs: PURGE_INTERVAL_MS,
  });
  const plans = {
    looker,
    steps: side.repairSteps,
    journal: new PlanJournal(opened.records, config.undoKeysMax),
    clock,
    undoRetentionMs: config.undoRetentionHours * 3_600_000,
    onRepaired: history.onRepaired,
    onUndone: history.onUndone,
  };
  const modelServices = { models, modelChecker, modelReconciler };
  const tools = bindTools({
    kv: new KvService({ writes, reads: side.reads, load, limits: config }),
    keyVerifier: new KeyVerifier(looker, keyMaxBytes),
    keyExplainer: history.explainer({ cache, outbox, store }),
    cacheVerifier,
    repairer: new Repairer(looker, side.repairSteps, keyMaxBytes, history.onRepaired),
    repairPlanner: new RepairPlanner({ ...plans, verifier: cacheVerifier, random }),
    planApplier: new PlanApplier(plans),
    planUndoer: new PlanUndoer(plans),
    ttlLister: new TtlLister(cache),
    load,
    pressure,
    settings,
    ...modelServices,
    deadLetters: new DeadLetters(outbox, () => projector.nudge()),
    checkResults: jobs.results,
    syncReporter: new SyncReporter({
      pool,
      circuit,
      cacheCircuit: side.cacheCircuit,
      stats,
      backlog,
      load,
      recovery,
      pressure,
      alerts: alerter,
      clock,
    }),
  });

  async function tie(): Promise<void> {
    if (journal === undefined || recovery === undefined) {
      // What must not start should say so now, and not with its first call.
      await storeIdUnlessDown(store);
      return;
    }
    const link = new CacheLink({ cache: journal, store, recovery, clock, log });
    closers.push("cache link", () => link.stop());
    await link.start();
  }

  return {
    tools,
    afterCall: jobs.afterCall,
    backends: { cache: side.description, store: opened.description },
    operators: {
      backup: new Backup({ store, outbox, bucketStates, clock }),
      restore: new Restore({
        store,
        bucketStates,
        acknowledge: side.acknowledge,
        recover: async () => recovery?.recoverAll(),
        clock,
      }),
      verifier: cacheVerifier,
      ...modelServices,
    },
    startLooking: tie,
    async start() {
      await tie();
      history.kept.start();
      closers.push("history", () => history.kept.stop());
      closers.push("settings", () => settings.stop());
      await settings.start();
      closers.push("back-pressure", () => pressure.stop());
      await pressure.start();
      closers.push("direct syncs", () => pool.idle());
      projector.start();
      closers.push("projector", () => projector.stop());
      closers.push("alerts", () => alerter?.stop());
      healthCheck.start();
      closers.push("health check", () => healthCheck.stop());
      jobs.start();
      closers.push("jobs", () => jobs.stop());
      purger.start();
      closers.push("purger", () => purger.stop());
    },
    async health() {
      const [cacheHealth, storeHealth] = await Promise.all([
        backendHealth(clock, cache.kind, cache.ping()),
        backendHealth(clock, store.kind, store.ping()),
      ]);
      const seen = policy();
      return {
        ready: cacheHealth.up && storeHealth.up,
        authority: side.name(),
        cache: cacheHealth,
        store: storeHealth,
        warnings: [
          ...(seen === undefined ? [] : policyWarnings(seen)),
          ...(recovery === undefined ? [] : lossWarnings(recovery.report)),
          ...pressure.warnings(),
        ],
      };
    },
    async close() {
      for (const { name, error } of await closers.closeAll()) {
        log.warn({ err: error }, `Closing failed: ${name}`);
      }
    },
  };
}

async function openSide(parts: SideParts): Promise<AuthoritySide> {
  const { redisUrl } = parts.config;
  if (redisUrl === undefined) {
    const { storeFirstSide } = await import("./store-first-side.ts");
    return storeFirstSide(parts);
  }
  const { cacheFirstSide } = await import("./cache-first-side.ts");
  return cacheFirstSide(redisUrl, parts);
}

/** A connection of its own, where any models are declared; without REDIS_URL their keys are nowhere. */
async function openModelKeys(
  { models }: ModelRegistry,
  { redisUrl, syncTimeoutMs }: Config,
  log: Log,
  closers: Closers,
): Promise<ModelKeysPort | undefined> {
  if (redisUrl === undefined || models.length === 0) return undefined;
  const { RedisModelKeys } = await import("../cache/drivers/redis/redis-model-keys.ts");
  const keys = new RedisModelKeys({ url: redisUrl, commandTimeoutMs: syncTimeoutMs, log });
  closers.push("model keys", () => keys.close());
  return keys;
}

async function backendHealth(
  clock: Clock,
  kind: string,
  ping: Promise<void>,
): Promise<BackendHealth> {
  const answer = await within(clock, PING_LIMIT_MS, ping);
  switch (answer.outcome) {
    case "done":
      return { kind, up: true };
    case "failed":
      return {
        kind,
        up: false,
        cause: answer.error instanceof Error ? answer.error.message : "unknown cause",
      };
    case "timed_out":
      return { kind, up: false, cause: `no answer within ${PING_LIMIT_MS} ms` };
  }
}
