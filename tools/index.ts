import type { Tool } from "../src/transport/tool.ts";
import { applySyncRepair } from "./apply-sync-repair.ts";
import { checkCacheConsistency } from "./check-cache-consistency.ts";
import { explainKey } from "./explain-key.ts";
import { forceSyncRepair } from "./force-sync-repair.ts";
import { getCacheTtlInfo } from "./get-cache-ttl-info.ts";
import { hybridSyncAdaptive } from "./hybrid-sync/adaptive.ts";
import { hybridSyncConfigure } from "./hybrid-sync/configure.ts";
import { hybridSyncDelete } from "./hybrid-sync/delete.ts";
import { hybridSyncLoadCheck } from "./hybrid-sync/load-check.ts";
import { hybridSyncManual } from "./hybrid-sync/manual.ts";
import { hybridSyncStats } from "./hybrid-sync/stats.ts";
import { kvDelete } from "./kv-delete.ts";
import { kvGet } from "./kv-get.ts";
import { kvSet } from "./kv-set.ts";
import { listCheckResults } from "./list-check-results.ts";
import { listModels } from "./list-models.ts";
import { outboxDeadLetters } from "./outbox-dead-letters.ts";
import { outboxReplay } from "./outbox-replay.ts";
import { planSyncRepair } from "./plan-sync-repair.ts";
import { reconcileModel } from "./reconcile-model.ts";
import type { Services } from "./services.ts";
import { undoSyncRepair } from "./undo-sync-repair.ts";
import { verifyCacheSync } from "./verify-cache-sync.ts";
import { verifyKeySync } from "./verify-key-sync.ts";

/** Every tool, in the order clients see them: by name, so that lists and caches of them are stable. */
const factories = [
  applySyncRepair,
  checkCacheConsistency,
  explainKey,
  forceSyncRepair,
  getCacheTtlInfo,
  hybridSyncAdaptive,
  hybridSyncConfigure,
  hybridSyncDelete,
  hybridSyncLoadCheck,
  hybridSyncManual,
  hybridSyncStats,
  kvDelete,
  kvGet,
  kvSet,
  listCheckResults,
  listModels,
  outboxDeadLetters,
  outboxReplay,
  planSyncRepair,
  reconcileModel,
  undoSyncRepair,
  verifyCacheSync,
  verifyKeySync,
];

export function bindTools(services: Services): readonly Tool[] {
  return factories.map((bind) => bind(services));
}
