import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { beginLife } from "../../src/store/statement-life.ts";
import type { Delivered } from "../../src/sync/cache-first-delivery.ts";
import { setOf } from "../contract/commands.ts";
import { type CacheFirstOptions, openCacheFirstWorld } from "./cache-first-world.ts";

/** A cache-first world in which a write has just been minted and waits to be delivered. */
export async function openDeliveryWorld(options: CacheFirstOptions = {}) {
  const world = await openCacheFirstWorld(options);
  const { past, delivery, clock } = world;
  const life = beginLife(clock);
  const minted = await past.cache.write(setOf({ key: "user:1" }));
  if (minted.outcome !== "written") throw new Error("The write was refused.");
  const { entry, pinned } = minted;
  return {
    ...world,
    entry,
    life,
    deliver: (route: "direct" | "event") => answerOf(delivery.deliver(entry, pinned, route, life)),
    /** Where the write really is, whatever anyone was told. */
    places: async () => {
      const [seen] = await past.cache.observe([entry.key]);
      const isCached = seen?.meta?.version === entry.version && seen.value !== undefined;
      const row = await past.store.get(entry.key);
      const events = (await past.outbox.unprocessedOf([entry.key])).get(entry.key) ?? [];
      return {
        shadow: row?.version === entry.version,
        outbox: events.some((event) => event.entry.version === entry.version),
        journal: isCached && seen.markerSeq !== undefined,
        cached: isCached,
      };
    },
  };
}

/** What the caller hears: where the write is durable, or the code of the error. */
async function answerOf(delivered: Promise<Delivered>): Promise<string> {
  try {
    const { method, durable } = await delivered;
    return `${method} ${durable}`;
  } catch (error) {
    return LockstepError.codeOf(error) ?? String(error);
  }
}

/** A row that outranks every version of the cache's clock, as a store has it whose cache lost its state. */
export function farAhead(entry: Entry): Entry {
  return { ...entry, version: "9".repeat(24), value: "ahead" };
}
