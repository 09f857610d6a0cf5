import type { KeyEventKind } from "../../../src/history/key-event.ts";
import type { KeyEventSource } from "../../../src/history/key-explainer.ts";
import type { JobName } from "../../../src/jobs/check-result.ts";
import type { Durability } from "../../../src/kv/write-path.ts";
import type { CircuitState } from "../../../src/lib/circuit.ts";
import type { PressureLevel } from "../../../src/load/judge-pressure.ts";
import type { SyncMethod } from "../../../src/model/entry.ts";
import type { SyncMode } from "../../../src/model/sync-settings.ts";
import type { ModelCheck } from "../../../src/models/model-checker.ts";
import type { Reconciliation } from "../../../src/models/model-reconciler.ts";
import type { CopyClass } from "../../../src/verify/classify.ts";
import type { RepairAction } from "../../../src/verify/plan-repair.ts";

/** What each tool answers, as far as tests ask for it; the tool's own schema has checked the answer before. */
export interface ToolAnswers {
  readonly list_models: { readonly models: readonly { readonly name: string }[] };
  readonly check_cache_consistency: { readonly models: readonly ModelCheck[] };
  readonly reconcile_model: {
    readonly created: number;
    readonly updated: number;
    readonly removed: number;
    readonly models: readonly Reconciliation[];
  };
  readonly kv_set: Receipt;
  readonly kv_delete: Receipt & { readonly existed: boolean | null };
  readonly kv_get: {
    readonly key: string;
    readonly found: boolean;
    readonly value: string | null;
    readonly source: "cache" | "store";
    readonly version: string | null;
    readonly ttlSec: number | null;
    readonly durable: Durability | null;
    readonly warning?: string;
  };
  readonly hybrid_sync_adaptive: Receipt & {
    readonly strategy: "direct" | "event";
    readonly reason: string;
  };
  readonly hybrid_sync_manual: Receipt;
  readonly hybrid_sync_delete: Receipt & { readonly existed: boolean | null };
  readonly hybrid_sync_load_check: {
    readonly highLoad: boolean;
    readonly reason: string;
    readonly inputs: {
      readonly poolUtilization: number;
      readonly queued: number;
      readonly unprocessed: number;
    };
    readonly wouldUse: SyncMethod;
    readonly pressure: {
      readonly level: PressureLevel;
      readonly reason: string;
      readonly inputs: {
        readonly memoryRatio: number | null;
        readonly unsyncedMb: number;
        readonly unsyncedAgeSec: number | null;
        readonly outboxEvents: number;
      };
    };
  };
  readonly hybrid_sync_configure: {
    readonly mode: SyncMode;
    readonly poolRatio: number;
    readonly queued: number;
    readonly unprocessed: number;
    readonly sources: {
      readonly mode: {
        readonly source: "default" | "run time";
        readonly setAt: string | null;
        readonly setBy: string | null;
      };
    };
    readonly revision: number;
    readonly warning?: string;
  };
  readonly outbox_dead_letters: {
    readonly events: readonly {
      readonly id: string;
      readonly key: string | null;
      readonly version: string | null;
      readonly cause: string;
      readonly attempts: number;
      readonly since: string | null;
    }[];
    readonly total: number;
    readonly truncated: boolean;
    readonly cursor: string | null;
  };
  readonly list_check_results: {
    readonly results: readonly {
      readonly job: JobName;
      readonly model: string;
      readonly prefix: string | null;
      readonly at: string;
      readonly outcome: "good" | "drift" | "failed";
      readonly reason: string;
      readonly by: string;
      readonly figures: {
        readonly checked: number;
        readonly consistent: number;
        readonly ratio: number | null;
        readonly classes: Readonly<Record<string, number>>;
      } | null;
      readonly reconciled: {
        readonly checked: number;
        readonly updated: number;
        readonly complete: boolean;
      } | null;
      readonly error: string | null;
    }[];
    readonly truncated: boolean;
    readonly cursor: string | null;
  };
  readonly outbox_replay: { readonly replayed: number; readonly left: number };
  readonly hybrid_sync_stats: {
    readonly pool: { readonly active: number; readonly max: number; readonly queued: number };
    readonly methods: Readonly<Record<SyncMethod, number>>;
    readonly unprocessedOutboxEvents: number | null;
    readonly pending: number | null;
    readonly circuit: CircuitState;
    readonly cacheCircuit: CircuitState | null;
    readonly pressure: {
      readonly level: PressureLevel;
      readonly slowed: number;
      readonly refused: number;
    };
    readonly mode: SyncMode;
    readonly recovery: {
      readonly buckets: number;
      readonly dropped: number;
      readonly setAside: number;
      readonly lostWrites: number;
      readonly lost: readonly { readonly key: string; readonly version: string }[];
    } | null;
    readonly pid: number;
  };
  readonly verify_cache_sync: {
    readonly unprocessedOutboxEvents: number;
    readonly cacheVsShadowSync: {
      readonly allInSync: boolean;
      readonly keysChecked: number;
      readonly counts: Readonly<Record<CopyClass, number>>;
      readonly mismatches: readonly { readonly key: string; readonly class: CopyClass }[];
    };
    readonly coverage: {
      readonly complete: boolean;
      readonly keysChecked: number;
      readonly issues: number;
      readonly says: string;
      readonly cannotSee: string | null;
    };
    readonly sample: { readonly keysInAll: number; readonly smallestVisibleRate: number } | null;
    readonly cursor: string | null;
    readonly overallSyncHealth: "HEALTHY" | "ISSUES_DETECTED";
  };
  readonly verify_key_sync: {
    readonly key: string;
    readonly inSync: boolean;
    readonly verdict: CopyClass;
    readonly cause: string;
    readonly cacheValue: string | null;
    readonly shadowValue: string | null;
    readonly cacheVersion: string | null;
    readonly shadowVersion: string | null;
  };
  readonly get_cache_ttl_info: {
    readonly keys: readonly {
      readonly key: string;
      readonly ttlSec: number | null;
      readonly expiring: boolean;
    }[];
    readonly total: number;
    readonly truncated: boolean;
    readonly cursor: string | null;
  };
  readonly force_sync_repair: {
    readonly key: string;
    readonly action: RepairAction;
    readonly cause: string;
    readonly before: Copies;
    readonly after: Copies | null;
    readonly undo: { readonly tool: "kv_set"; readonly arguments: KvSetArguments } | null;
  };
  readonly explain_key: {
    readonly key: string;
    readonly events: readonly {
      readonly at: string;
      readonly what: KeyEventKind;
      readonly how: string | null;
      readonly version: string | null;
      readonly sessionId: string | null;
      readonly interactionId: string | null;
      readonly times: number;
      readonly note: string | null;
      readonly from: KeyEventSource;
      readonly process: string | null;
    }[];
    readonly truncated: boolean;
    readonly covers: {
      readonly process: string;
      readonly since: string;
      readonly keptForHours: number;
      readonly notKept: number;
      readonly unknown: readonly KeyEventSource[];
    };
  };
  readonly plan_sync_repair: {
    readonly planId: string | null;
    readonly digest: string | null;
    readonly repairs: number;
    readonly keysChecked: number;
    readonly byClass: Readonly<Partial<Record<CopyClass, number>>>;
    readonly byAction: Readonly<Partial<Record<RepairAction, number>>>;
    readonly keys: readonly {
      readonly key: string;
      readonly class: CopyClass;
      readonly action: RepairAction;
    }[];
    readonly truncated: boolean;
    readonly expiresAt: string;
  };
  readonly apply_sync_repair: PlanWork & { readonly applied: number };
  readonly undo_sync_repair: PlanWork & { readonly restored: number; readonly nothing: number };
}

export type ToolName = keyof ToolAnswers;

interface PlanWork {
  readonly planId: string;
  readonly moved: number;
  readonly failed: number;
  readonly movedKeys: readonly string[];
  readonly failedKeys: readonly { readonly key: string; readonly cause: string }[];
}

interface Receipt {
  readonly key: string;
  readonly method: SyncMethod;
  readonly version: string;
  readonly durable: Durability;
  readonly latencyMs: number;
}

interface Copies {
  readonly verdict: CopyClass;
  readonly cacheValue: string | null;
  readonly cacheVersion: string | null;
  readonly shadowValue: string | null;
  readonly shadowVersion: string | null;
}

interface KvSetArguments extends Readonly<Record<string, unknown>> {
  readonly key: string;
  readonly value: string;
}
