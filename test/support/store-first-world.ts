import { MemoryCache } from "../../src/cache/drivers/memory/memory-cache.ts";
import { StoreFirstReadPath } from "../../src/kv/store-first-read-path.ts";
import { StoreFirstWritePath } from "../../src/kv/store-first-write-path.ts";
import type { StoreAuthorityPort } from "../../src/store/store-authority-port.ts";
import { StoreCircuit } from "../../src/sync/store-circuit.ts";
import { SyncPool } from "../../src/sync/sync-pool.ts";
import { SyncStats } from "../../src/sync/sync-stats.ts";
import { openSqliteHarness } from "../contract/sqlite-harness.ts";
import { SYNC_TIMEOUT_MS } from "./cache-first-world.ts";
import { SeededRandom } from "./seeded-random.ts";
import { standIn } from "./stand-in.ts";

/**
 * The services of a process whose store decides, on the real SQLite driver. The file is on disk, because only a second
 * connection shows what another process does. What `planted` gives takes the place of the store's own methods.
 */
export async function openStoreFirstWorld(
  planted: (authority: StoreAuthorityPort) => Partial<StoreAuthorityPort> = () => ({}),
) {
  const harness = await openSqliteHarness();
  const { clock } = harness;
  const authority = standIn(harness.authority, planted(harness.authority));
  const cache = new MemoryCache({ clock, random: new SeededRandom(1), maxBytes: 1024 * 1024 });
  const pool = new SyncPool(clock, 10);
  const circuit = new StoreCircuit(clock);
  const stats = new SyncStats();
  const events: string[] = [];
  const writes = new StoreFirstWritePath({
    cache,
    authority,
    pool,
    circuit,
    stats,
    clock,
    onEvent: () => void events.push("onEvent"),
    syncTimeoutMs: SYNC_TIMEOUT_MS,
  });
  return {
    ...harness,
    cache,
    pool,
    circuit,
    stats,
    events,
    writes,
    reads: new StoreFirstReadPath({ cache, authority, clock, storeLimitMs: SYNC_TIMEOUT_MS }),
  };
}
