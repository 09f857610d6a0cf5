import type { CacheAuthorityPort, CopyGuard } from "../cache/cache-authority-port.ts";
import type { Entry } from "../model/entry.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "../sync/acknowledger.ts";
import type { CacheFirstDelivery } from "../sync/cache-first-delivery.ts";
import { entryOf } from "../sync/journal-sweep.ts";
import { newestPerKey } from "../sync/project-batch.ts";
import type { Look } from "./classify.ts";
import type { RepairSteps, StepOutcome } from "./repair-port.ts";

/** Redis decides: each change is one script, guarded by the meta, marker and bytes that were observed. */
export class CacheFirstRepair implements RepairSteps {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #outbox: OutboxPort;
  readonly #delivery: CacheFirstDelivery;
  readonly #acknowledge: Acknowledge;

  constructor(parts: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly delivery: CacheFirstDelivery;
    readonly acknowledge: Acknowledge;
  }) {
    this.#cache = parts.cache;
    this.#store = parts.store;
    this.#outbox = parts.outbox;
    this.#delivery = parts.delivery;
    this.#acknowledge = parts.acknowledge;
  }

  async rewrite(look: Look, command: WriteCommand) {
    const guard = await this.#guard(look);
    if (guard === undefined) return { outcome: "moved" } as const;
    const written = await this.#cache.write(command, guard);
    if (written.outcome === "moved") return { outcome: "moved" } as const;
    await this.#delivery.deliver(written.entry, written.pinned, "direct");
    return { outcome: "done", version: written.entry.version } as const;
  }

  async syncNow({ cache, events }: Look): Promise<StepOutcome> {
    const cached = cache.markerSeq === undefined ? undefined : entryOf(cache);
    const waiting = [...newestPerKey(events), ...(cached === undefined ? [] : [cached])];
    if (waiting.length === 0) return "moved";
    await this.#acknowledge(await this.#store.applyNewer(waiting, "EVENT_BASED"));
    await this.#outbox.markProcessed(events.map((event) => event.id));
    return "done";
  }

  async project({ cache }: Look): Promise<StepOutcome> {
    const entry = entryOf(cache);
    if (entry === undefined) return "moved";
    await this.#acknowledge(await this.#store.applyNewer([entry], "EVENT_BASED"));
    return "done";
  }

  async dropCopy({ cache }: Look): Promise<StepOutcome> {
    return (await this.#cache.drop(cache, "copy")) === "dropped" ? "done" : "moved";
  }

  async dropMarker({ cache }: Look): Promise<StepOutcome> {
    return (await this.#cache.drop(cache, "marker")) === "dropped" ? "done" : "moved";
  }

  async stamp({ cache }: Look, shadow: Entry): Promise<StepOutcome> {
    const token = await this.#cache.takeLease(cache.key);
    if (token === undefined) return "moved";
    return (await this.#cache.stamp(shadow, token)) === "stamped" ? "done" : "moved";
  }

  async warm({ cache }: Look): Promise<StepOutcome> {
    const token = await this.#cache.takeLease(cache.key);
    if (token === undefined) return "moved";
    // Looked at again under the lease: the look that led here is older than it.
    const shadow = await this.#store.get(cache.key);
    if (shadow === undefined) return "moved";
    return (await this.#cache.fill(shadow, token)) === "filled" ? "done" : "moved";
  }

  /** A key without meta has nothing that a second writer would change first, so the lease stands in for it. */
  async #guard({ cache }: Look): Promise<CopyGuard | undefined> {
    if (cache.meta !== undefined) return { seen: cache };
    const token = await this.#cache.takeLease(cache.key);
    return token === undefined ? undefined : { seen: cache, token };
  }
}
