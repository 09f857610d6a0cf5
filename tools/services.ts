import type { KeyExplainer } from "../src/history/key-explainer.ts";
import type { CheckResults } from "../src/jobs/check-results.ts";
import type { KvService } from "../src/kv/kv-service.ts";
import type { TtlLister } from "../src/kv/ttl-lister.ts";
import type { BackPressure } from "../src/load/back-pressure.ts";
import type { LiveSettings } from "../src/load/live-settings.ts";
import type { LoadDetector } from "../src/load/load-detector.ts";
import type { ModelChecker } from "../src/models/model-checker.ts";
import type { ModelReconciler } from "../src/models/model-reconciler.ts";
import type { ModelRegistry } from "../src/models/model-registry.ts";
import type { DeadLetters } from "../src/sync/dead-letters.ts";
import type { SyncReporter } from "../src/sync/sync-reporter.ts";
import type { CacheVerifier } from "../src/verify/cache-verifier.ts";
import type { KeyVerifier } from "../src/verify/key-verifier.ts";
import type { PlanApplier } from "../src/verify/plan-applier.ts";
import type { PlanUndoer } from "../src/verify/plan-undoer.ts";
import type { RepairPlanner } from "../src/verify/repair-planner.ts";
import type { Repairer } from "../src/verify/repairer.ts";

/** What the tools are labels on. */
export interface Services {
  readonly kv: KvService;
  readonly keyVerifier: KeyVerifier;
  readonly keyExplainer: KeyExplainer;
  readonly cacheVerifier: CacheVerifier;
  readonly repairer: Repairer;
  readonly repairPlanner: RepairPlanner;
  readonly planApplier: PlanApplier;
  readonly planUndoer: PlanUndoer;
  readonly ttlLister: TtlLister;
  readonly load: LoadDetector;
  readonly pressure: BackPressure;
  readonly settings: LiveSettings;
  readonly models: ModelRegistry;
  readonly modelChecker: ModelChecker;
  readonly modelReconciler: ModelReconciler;
  readonly deadLetters: DeadLetters;
  readonly syncReporter: SyncReporter;
  readonly checkResults: CheckResults;
}
