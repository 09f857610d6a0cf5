import { GroupedCalls } from "../lib/grouped-calls.ts";
import { type Entry, newestOfEach } from "../model/entry.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import { earlierLife, type StatementLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "../sync/acknowledger.ts";
import { applyEntries } from "../sync/apply-around-refusals.ts";

/** Bulks that are under way at once, and how many keys share one. */
const BULKS_AT_ONCE = 2;
const KEYS_PER_BULK = 250;

/** What of one key waits for the shadow. */
export interface Waiting {
  readonly key: string;
  readonly entries: readonly Entry[];
  /** Events that have been processed once the entries have landed. */
  readonly eventIds: readonly string[];
  readonly life: StatementLife;
}

type RefusedKeys = ReadonlyMap<string, unknown>;

/**
 * Brings to the shadow what repairs have found waiting: those that come together, of one plan or from many callers, share a
 * bulk, an acknowledgement and a mark on their events.
 */
export class GroupedLandings {
  readonly #bulks: GroupedCalls<Waiting, RefusedKeys>;

  constructor(parts: {
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly acknowledge: Acknowledge;
  }) {
    this.#bulks = new GroupedCalls({
      callsMax: BULKS_AT_ONCE,
      itemsMax: KEYS_PER_BULK,
      call: (waiting) => land(parts, waiting),
    });
  }

  /** Errors: those of the ports; where the store refuses one key, the others land. */
  async land(waiting: Waiting): Promise<void> {
    const refused = await this.#bulks.with(waiting);
    if (refused.has(waiting.key)) throw refused.get(waiting.key);
  }
}

async function land(
  {
    store,
    outbox,
    acknowledge,
  }: {
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly acknowledge: Acknowledge;
  },
  waiting: readonly Waiting[],
): Promise<RefusedKeys> {
  const entries = [...newestOfEach(waiting.flatMap((one) => one.entries)).values()];
  const life = waiting.map((one) => one.life).reduce(earlierLife);
  const { versions, refused } = await applyEntries(store, entries, life);
  await acknowledge(versions);
  const landed = waiting.filter(({ key }) => !refused.has(key));
  const eventIds = landed.flatMap((one) => one.eventIds);
  if (eventIds.length > 0) await outbox.markProcessed(eventIds);
  return refused;
}
