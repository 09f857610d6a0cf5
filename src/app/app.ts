import type { Backup } from "../backup/backup.ts";
import type { Restore } from "../backup/restore.ts";
import type { ModelChecker } from "../models/model-checker.ts";
import type { ModelReconciler } from "../models/model-reconciler.ts";
import type { ModelRegistry } from "../models/model-registry.ts";
import type { Tool } from "../transport/tool.ts";
import type { CacheVerifier } from "../verify/cache-verifier.ts";

/** A composed server without its transports. */
export interface App {
  /** Sorted by name. */
  readonly tools: readonly Tool[];
  /** What cache and store are, for the start screen: never a secret. */
  readonly backends: { readonly cache: string; readonly store: string };
  /**
   * Opens the backends and starts the workers. A backend that is down does not keep the server from starting; it is
   * tried again. Errors that no retry can mend: STORE_MISMATCH, SCHEMA_TOO_NEW, CONFIG_INVALID.
   */
  start(): Promise<void>;
  /** For the envelope to call after each call: now and then sets off a look at a sample, in the background. */
  readonly afterCall: () => void;
  /** Asks both backends now. */
  health(): Promise<AppHealth>;
  /** Stops the workers after the step they are in, and closes the backends. */
  close(): Promise<void>;
}

/** With the services of the operators' commands. */
export interface OperatedApp extends App {
  readonly operators: {
    readonly backup: Backup;
    readonly restore: Restore;
    readonly verifier: CacheVerifier;
    readonly models: ModelRegistry;
    readonly modelChecker: ModelChecker;
    readonly modelReconciler: ModelReconciler;
  };
  /**
   * The tie between cache and store, and what else a look at both needs, without any worker. Instead of {@link App.start}.
   * Errors as there.
   */
  startLooking(): Promise<void>;
}

export interface AppHealth {
  /** True when both backends answer. */
  readonly ready: boolean;
  /** Who decides writes: "cache-first-pinned", "cache-first-unpinned" or "store-first"; "undecided" before Redis first answered. */
  readonly authority: string;
  readonly cache: BackendHealth;
  readonly store: BackendHealth;
  /** What is unsafe about the way the backends are set up, each a sentence. */
  readonly warnings: readonly string[];
}

export interface BackendHealth {
  readonly kind: string;
  readonly up: boolean;
  /** Why it does not answer, without secrets or addresses' credentials. */
  readonly cause?: string;
}
