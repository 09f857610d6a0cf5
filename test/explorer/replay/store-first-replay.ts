import { MemoryCache } from "../../../src/cache/drivers/memory/memory-cache.ts";
import { StoreFirstReadPath } from "../../../src/kv/store-first-read-path.ts";
import { StoreFirstWritePath } from "../../../src/kv/store-first-write-path.ts";
import type { Version } from "../../../src/model/version.ts";
import type { StoreAuthorityPort } from "../../../src/store/store-authority-port.ts";
import { StoreCircuit } from "../../../src/sync/store-circuit.ts";
import { SyncPool } from "../../../src/sync/sync-pool.ts";
import { SyncStats } from "../../../src/sync/sync-stats.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { openSqliteHarness } from "../../contract/sqlite-harness.ts";
import type { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { standIn } from "../../support/stand-in.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { TraceStep } from "../trace.ts";
import type { Replayed } from "./replay.ts";

const KEY = "key";
const LIMIT_MS = 2000;

/** What one process would do otherwise, so that a replay can be seen to fail. */
export type StoreFirstSabotage = (authority: StoreAuthorityPort) => Partial<StoreAuthorityPort>;

/**
 * Two processes on one SQLite file take the steps of a trace. A write is one turn of the event loop in the production
 * code, and so is a read, so what the trace does between two steps of either finds no place; those steps are passed over.
 */
export async function replayStoreFirst(
  steps: readonly TraceStep[],
  scenario: Scenario,
  sabotage: StoreFirstSabotage = () => ({}),
): Promise<Replayed> {
  const harness = await openSqliteHarness();
  try {
    const another = await harness.openAnother();
    const processes = [harness, another].map(({ authority }) =>
      processOn(authority, harness.clock, sabotage),
    );
    const problems: string[] = [];
    const refused: TraceStep[] = [];
    let told: Version = "";
    const read = async (process: (typeof processes)[number]) => {
      const { version } = await process.reads.read(KEY);
      if ((version ?? "") < told)
        problems.push("a read shows an older version than was told before");
    };
    for (const step of steps) {
      const [own, other] = scenario.calls.some(
        ({ name, process }) => name === step.who && process === 1,
      )
        ? [processes[1], processes[0]]
        : [processes[0], processes[1]];
      if (own === undefined || other === undefined) throw new Error("There are two processes.");
      if (step.does.startsWith("commit to the")) {
        const { text } = scenario.calls.find(({ name }) => name === step.who)!;
        const command = text === null ? deleteOf({ key: KEY }) : setOf({ key: KEY, value: text });
        const route = step.does.endsWith("outbox") ? "event" : "direct";
        ({ version: told } = await own.writes.write(command, route));
      } else if (step.does === "load") {
        await read(step.who.endsWith("2") ? processes[0]! : processes[1]!);
      } else {
        refused.push(step);
      }
      for (const process of processes) await read(process);
    }
    return { problems, refused };
  } finally {
    await harness.close();
  }
}

function processOn(own: StoreAuthorityPort, clock: ManualClock, sabotage: StoreFirstSabotage) {
  const authority = standIn(own, sabotage(own));
  const cache = new MemoryCache({ clock, random: new SeededRandom(1), maxBytes: 1024 * 1024 });
  const shared = { cache, authority, clock };
  return {
    reads: new StoreFirstReadPath({ ...shared, storeLimitMs: LIMIT_MS }),
    writes: new StoreFirstWritePath({
      ...shared,
      pool: new SyncPool(clock, 10),
      circuit: new StoreCircuit(clock),
      stats: new SyncStats(),
      onEvent: () => undefined,
      syncTimeoutMs: LIMIT_MS,
    }),
  };
}
