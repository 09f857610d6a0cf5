import type { CacheAuthorityPort, CachePolicy } from "../cache/cache-authority-port.ts";
import type { CachePort } from "../cache/cache-port.ts";
import type { Config } from "../config/schema.ts";
import type { Historian } from "../history/historian.ts";
import type { CacheCircuit } from "../kv/cache-circuit.ts";
import type { ReadPath } from "../kv/read-path.ts";
import type { WritePath } from "../kv/write-path.ts";
import type { BackPressure } from "../load/back-pressure.ts";
import type { Acknowledge } from "../sync/acknowledger.ts";
import type { JournalSweep } from "../sync/journal-sweep.ts";
import type { OwedWords } from "../sync/owed-words.ts";
import type { Recovery } from "../sync/recovery.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { SyncPool } from "../sync/sync-pool.ts";
import type { SyncStats } from "../sync/sync-stats.ts";
import type { LookerParts } from "../verify/looker.ts";
import type { RepairSteps } from "../verify/repair-port.ts";
import type { Environment } from "./environment.ts";
import type { OpenedStore } from "./open-store.ts";

/** What differs by who decides writes: the cache or the store. The services above do not know which it is. */
export interface AuthoritySide {
  readonly cache: CachePort;
  /** The cache as the authority, where it is one. */
  readonly journal: CacheAuthorityPort | undefined;
  /** What puts the cache right when it has lost state; only an authority has any to lose. */
  readonly recovery: Recovery | undefined;
  /** What that cache could not be told of yet. */
  readonly owed: OwedWords | undefined;
  /** Whether that cache is asked at all. */
  readonly cacheCircuit: CacheCircuit | undefined;
  readonly writes: WritePath;
  readonly reads: ReadPath;
  readonly acknowledge: Acknowledge;
  readonly sweep: JournalSweep | undefined;
  readonly repairSteps: RepairSteps;
  readonly looking: Pick<LookerParts, "provesRemoval" | "thirdLookAfterMs" | "isCurrentCopy">;
  /** As the health report names it. */
  name(): string;
  readonly policy: () => CachePolicy | undefined;
  /** Where the cache is, for people; no credentials. */
  readonly description: string;
}

/** What both kinds are built from. */
export interface SideParts {
  readonly config: Config;
  readonly environment: Environment;
  readonly opened: OpenedStore;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly onEvent: () => void;
  /** Hears what happens to keys. */
  readonly historian: Historian;
  /** How hard new writes press. It is there once everything is composed. */
  readonly pressure: () => Pick<BackPressure, "level" | "isShortOfRoom">;
}
