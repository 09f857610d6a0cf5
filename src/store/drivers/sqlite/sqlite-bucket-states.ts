import { FIRST_EPOCH, type Version } from "../../../model/version.ts";
import type {
  BucketState,
  BucketStatesPort,
  RowsAbovePage,
  RowVersion,
} from "../../bucket-states-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { bytesOf, textOf } from "./sqlite-entry.ts";

interface StateRow {
  readonly epoch: number;
  readonly raised_for: string | null;
  readonly highest_purged: Version | null;
}

const READ = "SELECT epoch, raised_for, highest_purged FROM bucket_states WHERE bucket = ?";

const RAISE = `
INSERT INTO bucket_states (bucket, epoch, raised_for) VALUES (?, ${FIRST_EPOCH + 1}, ?)
ON CONFLICT (bucket) DO UPDATE SET epoch = epoch + 1, raised_for = excluded.raised_for
RETURNING epoch`;

const ROWS_ABOVE = `
SELECT key, version FROM kvshadow
WHERE bucket = ? AND version > ? AND (version, key) > (?, ?)
ORDER BY version, key LIMIT ?`;

/** One row for each bucket, made by its first change. */
export class SqliteBucketStates implements BucketStatesPort {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async read(buckets: readonly number[]): Promise<readonly BucketState[]> {
    return this.#database.read(() => {
      const read = this.#database.query<StateRow>(READ);
      return buckets.map((bucket) => toState(read.get(bucket)));
    });
  }

  async raiseEpoch(bucket: number, incarnation: string): Promise<number> {
    const raise = () =>
      this.#database.query<{ epoch: number }>(RAISE).one(bucket, incarnation).epoch;
    return this.#database.write(raise, { commitFailure: "UNKNOWN_OUTCOME" });
  }

  async rowsAbove({ bucket, above, after, limit }: RowsAbovePage): Promise<readonly RowVersion[]> {
    const { version, key } = after ?? { version: above, key: "" };
    return this.#database
      .query<{ key: Uint8Array; version: Version }>(ROWS_ABOVE)
      .all(bucket, above, version, bytesOf(key), limit)
      .map((row) => ({ key: textOf(row.key), version: row.version }));
  }
}

function toState(row: StateRow | undefined): BucketState {
  return {
    epoch: row?.epoch ?? FIRST_EPOCH,
    raisedFor: row?.raised_for ?? undefined,
    highestPurged: row?.highest_purged ?? undefined,
  };
}
