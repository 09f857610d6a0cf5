import { MemoryCache } from "../cache/drivers/memory/memory-cache.ts";
import { watchAuthority, watchStore } from "../history/watch-backends.ts";
import { StoreFirstReadPath } from "../kv/store-first-read-path.ts";
import { StoreFirstWritePath } from "../kv/store-first-write-path.ts";
import { nothingToAcknowledge } from "../sync/acknowledger.ts";
import { StoreFirstRepair } from "../verify/store-first-repair.ts";
import type { AuthoritySide, SideParts } from "./authority-side.ts";

/** The store decides; the cache in this process holds copies. */
export function storeFirstSide({
  config,
  environment,
  opened,
  pool,
  circuit,
  stats,
  onEvent,
  historian,
}: SideParts): AuthoritySide {
  const { clock } = environment;
  const { outbox } = opened;
  const store = watchStore(opened.store, historian, "repair");
  const authority = watchAuthority(opened.authority, historian);
  const { syncTimeoutMs } = config;
  const cache =
    environment.copyCache ??
    new MemoryCache({
      maxBytes: config.cacheMaxMb * 1024 * 1024,
      clock,
      random: environment.random,
    });
  return {
    cache,
    journal: undefined,
    recovery: undefined,
    owed: undefined,
    cacheCircuit: undefined,
    writes: new StoreFirstWritePath({
      cache,
      authority,
      pool,
      circuit,
      stats,
      clock,
      onEvent,
      syncTimeoutMs,
    }),
    reads: new StoreFirstReadPath({ cache, authority, clock, storeLimitMs: syncTimeoutMs }),
    acknowledge: nothingToAcknowledge,
    sweep: undefined,
    repairSteps: new StoreFirstRepair({ cache, store, outbox, authority }),
    looking: {
      // A copy may leave the in-process cache at any time; nothing can be concluded from its absence.
      provesRemoval: async () => false,
      thirdLookAfterMs: () => 0,
      // A copy that would not be served says nothing about the store, unless it is the very version of the row.
      isCurrentCopy: (key, row) => {
        const copy = cache.get(key);
        if (copy === undefined) return true;
        const stamp = authority.changeStamp();
        return (stamp !== undefined && copy.stamp === stamp) || copy.entry.version === row?.version;
      },
    },
    name: () => "store-first",
    policy: () => undefined,
    description: "in this process",
  };
}
