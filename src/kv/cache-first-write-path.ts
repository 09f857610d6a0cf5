import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { isDead } from "../model/entry.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StorePort } from "../store/store-port.ts";
import type { CacheFirstDelivery } from "../sync/cache-first-delivery.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { SyncStats } from "../sync/sync-stats.ts";
import type { Route, WritePath, WriteReceipt } from "./write-path.ts";

/** Redis decides and mints; the store follows before the caller is told, or the journal or the outbox holds the write. */
export class CacheFirstWritePath implements WritePath {
  readonly hasEventPath = true;
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #delivery: CacheFirstDelivery;
  readonly #circuit: StoreCircuit;
  readonly #stats: SyncStats;
  readonly #clock: Clock;
  readonly #syncTimeoutMs: number;

  constructor(parts: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly delivery: CacheFirstDelivery;
    readonly circuit: StoreCircuit;
    readonly stats: SyncStats;
    readonly clock: Clock;
    readonly syncTimeoutMs: number;
  }) {
    this.#cache = parts.cache;
    this.#store = parts.store;
    this.#delivery = parts.delivery;
    this.#circuit = parts.circuit;
    this.#stats = parts.stats;
    this.#clock = parts.clock;
    this.#syncTimeoutMs = parts.syncTimeoutMs;
  }

  async write(command: WriteCommand, route: Route): Promise<WriteReceipt> {
    const startedMs = this.#clock.monotonicMs();
    const minted = await this.#cache.write(command);
    if (minted.outcome === "moved") throw new TypeError("An unguarded write cannot have moved.");

    // Before delivery: afterwards the row is the delete itself.
    const existed =
      command.op === "delete"
        ? (minted.existed ?? (await this.#existedInShadow(command.key)))
        : null;
    const { method, durable } = await this.#delivery.deliver(minted.entry, minted.pinned, route);

    const latencyMs = this.#clock.monotonicMs() - startedMs;
    this.#stats.acknowledged(method, latencyMs);
    return { key: command.key, version: minted.entry.version, method, durable, existed, latencyMs };
  }

  async #existedInShadow(key: string): Promise<boolean | null> {
    const looked = await this.#circuit.run(() =>
      within(this.#clock, this.#syncTimeoutMs / 2, this.#store.get(key)),
    );
    if (looked.outcome !== "done") return null;
    return looked.value !== undefined && !isDead(looked.value, this.#clock.nowMs());
  }
}
