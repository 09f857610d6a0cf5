import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { openSqlite } from "../../src/store/drivers/sqlite/open-sqlite.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { StoreConnection, StoreHarness } from "./store-harness.ts";

export interface SqliteHarness extends StoreHarness {
  readonly file: string;
  readonly clock: ManualClock;
}

/** Shared by all harnesses, so that each store gets another identity. */
const random = new SeededRandom(1);

/** Times that a test wants to reach soon. */
export const RETENTION_MS = 10_000;
export const GRACE_MS = 20_000;
export const LOCK_WAIT_MS = 500;

/** A new SQLite file in a folder of its own, under a manual clock that all its connections share. */
export async function openSqliteHarness(): Promise<SqliteHarness> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-sqlite-"));
  const file = join(folder, "made by the driver", "lockstep.db");
  const clock = new ManualClock();
  const opened: StoreConnection[] = [];

  const openAnother = async () => {
    const connection = await openSqlite({
      file,
      clock,
      random,
      lockWaitMs: LOCK_WAIT_MS,
      graceMs: GRACE_MS,
      retentionMs: RETENTION_MS,
    });
    opened.push(connection);
    return connection;
  };

  return {
    ...(await openAnother()),
    file,
    clock,
    nowMs: () => clock.nowMs(),
    elapse: (ms) => clock.advance(ms),
    openAnother,
    forbid: async (key) => {
      const { DatabaseSync } = await loadSqlite();
      const shell = new DatabaseSync(file);
      const literal = `x'${Buffer.from(key).toString("hex")}'`;
      shell.exec(`CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
        WHEN NEW.key = ${literal} BEGIN SELECT RAISE(ABORT, 'refused'); END`);
      shell.close();
    },
    close: async () => {
      for (const { store } of opened) await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
