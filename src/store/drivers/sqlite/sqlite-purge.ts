import type { Clock } from "../../../lib/clock.ts";
import { FIRST_EPOCH, seqOf, type Version } from "../../../model/version.ts";
import type { PurgedPage, PurgeLimits, PurgePage, PurgePort } from "../../purge-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

interface DueRow {
  readonly rowid: number;
  readonly bucket: number;
  readonly version: Version;
  readonly purge_at: number;
}

const OLDEST_EVENT = "SELECT min(version) AS version FROM outbox WHERE bucket = ?";

// The index ends with the rowid, so this walks it and sorts nothing.
const DUE = `
SELECT rowid, bucket, version, purge_at FROM kvshadow INDEXED BY kvshadow_purge_at
WHERE purge_at <= ? AND (purge_at, rowid) > (?, ?) AND (deleted = 1 OR expires_at <= ?)
ORDER BY purge_at, rowid LIMIT ?`;

const RECORD = `
INSERT INTO bucket_states (bucket, epoch, highest_purged) VALUES (?, ${FIRST_EPOCH}, ?)
ON CONFLICT (bucket) DO UPDATE SET highest_purged = max(coalesce(highest_purged, ''), excluded.highest_purged)`;

const FORGET = "DELETE FROM kvshadow WHERE rowid = ?";

/** Looks, records and deletes in one transaction, so nothing that it saw can have changed. */
export class SqlitePurge implements PurgePort {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;

  constructor({ database, clock }: { readonly database: SqliteDatabase; readonly clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  async oldestEvents(buckets: readonly number[]): Promise<readonly (Version | undefined)[]> {
    return this.#database.read(() => {
      const oldest = this.#database.query<{ version: Version | null }>(OLDEST_EVENT);
      return buckets.map((bucket) => oldest.one(bucket).version ?? undefined);
    });
  }

  async purge({ within, limit, cursor = "-1:-1" }: PurgePage): Promise<PurgedPage> {
    const [afterMs, afterRow] = cursor.split(":").map(Number) as [number, number];
    const limits = new Map(within.map((of) => [of.bucket, of]));
    const nowMs = this.#clock.nowMs();
    return this.#database.write(() => {
      const due = this.#database.query<DueRow>(DUE).all(nowMs, afterMs, afterRow, nowMs, limit);
      const going = due.filter(({ bucket, version }) => isWithin(limits.get(bucket), version));
      const record = this.#database.query(RECORD);
      const forget = this.#database.query(FORGET);
      for (const { bucket, version } of going) record.run(bucket, version);
      for (const { rowid } of going) forget.run(rowid);
      const last = due.at(-1);
      const isEnd = last === undefined || due.length < limit;
      return {
        purged: going.length,
        cursor: isEnd ? undefined : `${last.purge_at}:${last.rowid}`,
      };
    });
  }
}

function isWithin(limits: PurgeLimits | undefined, version: Version): boolean {
  if (limits === undefined) return false;
  const { belowVersion, belowSeq } = limits;
  if (belowVersion !== undefined && version >= belowVersion) return false;
  return belowSeq === undefined || seqOf(version) < belowSeq;
}
