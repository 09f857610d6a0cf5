import { join } from "node:path";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { writtenAtMs } from "../../src/model/version.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { openSqlite } from "../../src/store/drivers/sqlite/open-sqlite.ts";
import { nothingToAcknowledge } from "../../src/sync/acknowledger.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { inTemporaryFolder } from "./in-temporary-folder.ts";
import { entriesOf } from "./payload.ts";
import { perSecond } from "./rounds.ts";

const BATCH = 500;
const DAY_MS = 24 * 3_600_000;

/** The statement at its plainest: no reading back, no bookkeeping. */
const RAW_UPSERT = `
INSERT INTO kvshadow (
  key, version, bucket, deleted, last_write_at, sync_method, sync_timestamp, hash, value
) VALUES (?, ?, ?, 0, ?, 'EVENT_BASED', ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
  version = excluded.version, last_write_at = excluded.last_write_at,
  sync_timestamp = excluded.sync_timestamp, hash = excluded.hash, value = excluded.value
WHERE excluded.version > kvshadow.version`;

/** Rows per second of the projector, from an outbox that holds them all to an empty one. */
export async function outboxOnSqlite(rows: number): Promise<number> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, "store.db");
    const { store, outbox } = await openStore(file);
    try {
      for (const entries of chunksOf(entriesOf(rows), BATCH)) await outbox.append(entries);
      const acknowledge = nothingToAcknowledge;
      return await drainOutbox(rows, { outbox, store, acknowledge, batchSize: BATCH });
    } finally {
      await store.close();
    }
  });
}

/** Rows per second of bare statements on the same tables, as durable. */
export async function rawOnSqlite(rows: number): Promise<number> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, "store.db");
    await (await openStore(file)).store.close();
    const { DatabaseSync } = await loadSqlite();
    const database = new DatabaseSync(file);
    try {
      database.exec("PRAGMA synchronous = FULL");
      const upsert = database.prepare(RAW_UPSERT);
      const bound = entriesOf(rows).map(
        ({ key, version, hash, value }) =>
          [
            Buffer.from(key),
            version,
            bucketOf(key),
            writtenAtMs(version),
            writtenAtMs(version),
            hash,
            Buffer.from(value ?? ""),
          ] as const,
      );
      const batches = chunksOf(bound, BATCH);
      return await perSecond(rows, async () => {
        for (const batch of batches) {
          database.exec("BEGIN IMMEDIATE");
          for (const values of batch) upsert.run(...values);
          database.exec("COMMIT");
        }
      });
    } finally {
      database.close();
    }
  });
}

function openStore(file: string) {
  return openSqlite({
    file,
    graceMs: DAY_MS,
    retentionMs: DAY_MS,
    clock: systemClock,
    random: systemRandom,
  });
}
