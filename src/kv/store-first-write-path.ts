import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { SyncPool } from "../sync/sync-pool.ts";
import type { SyncStats } from "../sync/sync-stats.ts";
import { keepCopy } from "./keep-copy.ts";
import type { Route, WritePath, WriteReceipt } from "./write-path.ts";

export interface StoreFirstWritePathParts {
  readonly cache: CopyCachePort;
  readonly authority: StoreAuthorityPort;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly clock: Clock;
  /** Called when an event was appended, so that it need not wait for the next tick. */
  readonly onEvent: () => void;
  readonly syncTimeoutMs: number;
}

/** The store decides, mints and keeps; the in-process copy changes in the same turn as the commit. */
export class StoreFirstWritePath implements WritePath {
  readonly hasEventPath: boolean;
  readonly #parts: StoreFirstWritePathParts;

  constructor(parts: StoreFirstWritePathParts) {
    this.#parts = parts;
    this.hasEventPath = parts.authority.hasEventPath;
  }

  async write(command: WriteCommand, route: Route): Promise<WriteReceipt> {
    const { cache, authority, pool, circuit, stats, clock, onEvent, syncTimeoutMs } = this.#parts;
    const startedMs = clock.monotonicMs();
    const to = route === "event" && this.hasEventPath ? "outbox" : "shadow";
    const decide = () =>
      authority.write(command, {
        to,
        onCommitted: (current) => keepCopy(cache, command.key, current),
      });
    const written = await circuit.run(() => pool.run(decide, { limitMs: syncTimeoutMs }));
    if (to === "shadow") stats.directSync(written.outcome === "done" ? "landed" : "failed");
    if (written.outcome === "failed") throw written.error;
    if (written.outcome === "timed_out") {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        `The store did not answer within ${syncTimeoutMs} ms.`,
      );
    }
    if (written.value.outcome === "moved")
      throw new TypeError("An unguarded write cannot have moved.");

    if (to === "outbox") onEvent();
    const method = to === "outbox" ? "EVENT_BASED" : "ASYNC_THREAD";
    const latencyMs = clock.monotonicMs() - startedMs;
    stats.acknowledged(method, latencyMs);
    const { entry, existed } = written.value;
    return { key: command.key, version: entry.version, method, durable: to, existed, latencyMs };
  }
}
