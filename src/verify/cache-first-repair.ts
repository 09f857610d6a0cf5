import type { CacheAuthorityPort, CopyGuard } from "../cache/cache-authority-port.ts";
import type { Entry } from "../model/entry.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "../sync/acknowledger.ts";
import type { CacheFirstDelivery } from "../sync/cache-first-delivery.ts";
import { entryOf } from "../sync/journal-sweep.ts";
import type { Look } from "./classify.ts";
import { GroupedLandings } from "./grouped-landings.ts";
import { storedEntry } from "./plan-repair.ts";
import type { RepairSteps, StepOutcome } from "./repair-port.ts";

/** Redis decides: each change is one script, guarded by the meta, marker and bytes that were observed. */
export class CacheFirstRepair implements RepairSteps {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #outbox: OutboxPort;
  readonly #delivery: CacheFirstDelivery;
  readonly #landings: GroupedLandings;

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
    this.#landings = new GroupedLandings(parts);
  }

  async rewrite(look: Look, command: WriteCommand, life: StatementLife) {
    const guard = await this.#guard(look);
    if (guard === undefined) return { outcome: "moved" } as const;
    const written = await this.#cache.write(command, guard);
    // A repair has neither condition nor idempotency key, so nothing else can stand in its way.
    if (written.outcome !== "written") return { outcome: "moved" } as const;
    await this.#delivery.deliver(written.entry, written.pinned, "direct", life);
    return { outcome: "done", version: written.entry.version } as const;
  }

  async syncNow({ cache, events }: Look, life: StatementLife): Promise<StepOutcome> {
    const cached = cache.markerSeq === undefined ? undefined : entryOf(cache);
    const ofEvents = events.map(({ entry }) => entry);
    const entries = cached === undefined ? ofEvents : [...ofEvents, cached];
    if (entries.length === 0) return "moved";
    const eventIds = events.map(({ id }) => id);
    await this.#landings.land({ key: cache.key, entries, eventIds, life });
    return "done";
  }

  async project({ cache }: Look, life: StatementLife): Promise<StepOutcome> {
    const entry = entryOf(cache);
    if (entry === undefined) return "moved";
    await this.#landings.land({ key: cache.key, entries: [entry], eventIds: [], life });
    return "done";
  }

  async dropCopy({ cache }: Look): Promise<StepOutcome> {
    return (await this.#cache.drop(cache, "copy")) === "dropped" ? "done" : "moved";
  }

  async dropMarker({ cache }: Look): Promise<StepOutcome> {
    return (await this.#cache.drop(cache, "marker")) === "dropped" ? "done" : "moved";
  }

  async stamp(look: Look, shadow: Entry): Promise<StepOutcome> {
    const token = await this.#leaseFor(look);
    if (token === undefined) return "moved";
    return (await this.#cache.stamp(shadow, token)) === "stamped" ? "done" : "moved";
  }

  async warm(look: Look, shadow: Entry): Promise<StepOutcome> {
    const token = await this.#leaseFor(look);
    if (token === undefined) return "moved";
    return (await this.#cache.fill(shadow, token)) === "filled" ? "done" : "moved";
  }

  async #guard(look: Look): Promise<CopyGuard | undefined> {
    const { cache } = look;
    // A write that is to be remembered begins a list that counts as complete, so it must begin with what the store has.
    const idempotency = storedEntry(look)?.idempotency;
    const seen = { seen: cache, ...(idempotency === undefined ? {} : { idempotency }) };
    if (cache.meta !== undefined) return seen;
    const token = await this.#leaseFor(look);
    return token === undefined ? undefined : { ...seen, token };
  }

  /**
   * A key without meta has nothing that a second writer would change first, so the lease stands in for it. The look is
   * older than the lease: what the store holds must still be what was seen, or a write that came between, and whose
   * copy was evicted, would be covered.
   */
  async #leaseFor(look: Look): Promise<string | undefined> {
    const { key } = look.cache;
    const token = await this.#cache.takeLease(key);
    if (token === undefined) return undefined;
    const events = (await this.#outbox.unprocessedOf([key])).get(key) ?? [];
    const shadow = await this.#store.get(key);
    const now = storedEntry({ ...look, events, shadow });
    return now?.version === storedEntry(look)?.version ? token : undefined;
  }
}
