import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Random } from "../lib/random.ts";
import { type Entry, isDead } from "../model/entry.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import { readWithin } from "../store/read-within.ts";
import { beginLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import {
  type CacheFirstDelivery,
  type Delivered,
  leftBehindError,
} from "../sync/cache-first-delivery.ts";
import { CALL_MARGIN_MS } from "../sync/call-margin.ts";
import type { JournalLedger } from "../sync/journal-ledger.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { SyncStats } from "../sync/sync-stats.ts";
import type { CacheCircuit } from "./cache-circuit.ts";
import { CacheFirstDecision, type Decision } from "./cache-first-decision.ts";
import { type AwaitedWrite, ShadowWaits } from "./shadow-waits.ts";
import {
  type Acknowledgement,
  methodOf,
  type Route,
  type WritePath,
  type WriteReceipt,
} from "./write-path.ts";

export interface CacheFirstWritePathParts {
  readonly cache: CacheAuthorityPort;
  readonly cacheCircuit: CacheCircuit;
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly delivery: CacheFirstDelivery;
  readonly ledger: JournalLedger;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly clock: Clock;
  readonly random: Random;
  readonly syncTimeoutMs: number;
}

/** Redis decides and mints; the store follows before the caller is told, or the journal or the outbox holds the write. */
export class CacheFirstWritePath implements WritePath {
  readonly hasEventPath = true;
  readonly #parts: CacheFirstWritePathParts;
  readonly #decision: CacheFirstDecision;
  readonly #shadowWaits: ShadowWaits;

  constructor(parts: CacheFirstWritePathParts) {
    const { clock, store } = parts;
    this.#parts = parts;
    this.#shadowWaits = new ShadowWaits(clock, async (keys) => {
      const rows = await store.getMany(keys);
      return new Map([...rows].map(([key, { version }]) => [key, version]));
    });
    this.#decision = new CacheFirstDecision({ ...parts, storeLimitMs: parts.syncTimeoutMs });
  }

  async write(
    command: WriteCommand,
    route: Route,
    ack: Acknowledgement = "durable",
  ): Promise<WriteReceipt> {
    const { clock, stats, syncTimeoutMs } = this.#parts;
    const startedMs = clock.monotonicMs();
    const life = beginLife(clock);
    const decided = await this.#decision.decide(command);
    const { key } = command;
    const version = decided.outcome === "stored" ? decided.version : decided.entry.version;

    // Before delivery: afterwards the row is the delete itself.
    const existed =
      command.op === "delete" && decided.outcome === "written"
        ? (decided.existed ?? (ack === "cache" ? null : await this.#existedInShadow(key)))
        : null;
    const { method, durable } = await this.#makeDurable(decided, { route, ack, life });
    const isWaiting = ack === "shadow" && durable !== "shadow";
    if (isWaiting) {
      const deadlineMs = startedMs + syncTimeoutMs + CALL_MARGIN_MS;
      // An event that this call has appended was looked at then: whoever recovers the cache since meets it.
      const isChecked = durable === "outbox" && decided.outcome !== "stored";
      await this.#untilInShadow({ key, version, durable, deadlineMs }, isChecked);
    }

    const latencyMs = clock.monotonicMs() - startedMs;
    if (decided.outcome === "written") stats.acknowledged(method, latencyMs);
    return { key, version, method, durable: isWaiting ? "shadow" : durable, existed, latencyMs };
  }

  async #makeDurable(
    decided: Decision,
    {
      route,
      ack,
      life,
    }: { readonly route: Route; readonly ack: Acknowledgement; readonly life: StatementLife },
  ): Promise<Delivered> {
    const { delivery, ledger } = this.#parts;
    if (decided.outcome === "stored")
      return { method: methodOf(decided.durable), durable: decided.durable };
    const { entry, pinned } = decided;
    if (pinned && decided.outcome === "repeated") {
      // The marker says where it is, whoever has been bringing it there since. Without one the shadow has it, unless it
      // was made before the policy pinned anything, by a call that ended before the store had it.
      if (decided.isPending) {
        ledger.acknowledged(entry.key, entry.version);
        return { method: methodOf("journal"), durable: "journal" };
      }
      if (await this.#isInShadow(entry)) return { method: methodOf("shadow"), durable: "shadow" };
    }
    if (pinned && ack === "cache" && decided.outcome === "written") {
      ledger.acknowledged(entry.key, entry.version);
      delivery.deliverBehind(entry, route, life);
      return { method: methodOf("journal"), durable: "journal" };
    }
    // Also a repetition: the first call may have ended before the store had anything.
    const delivered = await delivery.deliver(entry, pinned, route, life);
    if (delivered.durable === "journal") ledger.acknowledged(entry.key, entry.version);
    return delivered;
  }

  /** The row shows that the write is durable, and not that the cache still shows it: that may have lost it before. */
  async #untilInShadow(write: AwaitedWrite, isChecked: boolean): Promise<void> {
    const { delivery } = this.#parts;
    const check = () => delivery.checkLanded(write);
    const seen = await this.#shadowWaits.until(isChecked ? write : { ...write, check });
    if (seen === "left_behind") throw leftBehindError();
  }

  async #isInShadow({ key, version }: Entry): Promise<boolean> {
    const { clock, store, syncTimeoutMs } = this.#parts;
    const row = await readWithin(clock, syncTimeoutMs, store.get(key));
    return row !== undefined && row.version >= version;
  }

  async #existedInShadow(key: string): Promise<boolean | null> {
    const { circuit, clock, store, syncTimeoutMs } = this.#parts;
    const looked = await circuit.run(() => within(clock, syncTimeoutMs / 2, store.get(key)));
    if (looked.outcome !== "done") return null;
    return looked.value !== undefined && !isDead(looked.value, clock.nowMs());
  }
}
