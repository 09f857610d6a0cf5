import { FIRST_EPOCH } from "../../../model/version.ts";

/** Written into the file's header, so that a database of another program is never taken for ours: "LKST" in ASCII. */
export const APPLICATION_ID = 0x4c4b5354;

/** The newest layout that this release knows; `PRAGMA user_version` of the file. */
export const SCHEMA_VERSION = 4;

const PARKED_INDEX =
  "CREATE INDEX outbox_dead ON outbox (id) WHERE processed = 0 AND state = 'dead';";

/** What a purge and a recovery ask of each bucket. A bucket without a row is in the first epoch, and nothing of it was ever purged. */
const BUCKET_STATES = `
CREATE INDEX outbox_bucket_version ON outbox (bucket, version);
CREATE TABLE bucket_states (
  bucket INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  raised_for TEXT,
  highest_purged TEXT
) STRICT;`;

/** What services keep beside the data. */
const RECORDS = `
CREATE TABLE records (
  kind TEXT NOT NULL,
  id BLOB NOT NULL,
  of_group BLOB NOT NULL,
  at INTEGER NOT NULL,
  expires_at INTEGER,
  revision INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX records_at ON records (kind, at, id);
CREATE INDEX records_group_at ON records (kind, of_group, at, id);
CREATE INDEX records_expires_at ON records (expires_at) WHERE expires_at IS NOT NULL;`;

/**
 * Keys, values and the writer's ids are BLOBs: text is cut at NUL on some SQLite bindings. The tables keep their rowid,
 * because rows of about a kilobyte in a WITHOUT ROWID table each take an overflow page. Values come last, so that
 * reading the other columns does not walk through them.
 */
const TABLES = `
CREATE TABLE kvshadow (
  key BLOB NOT NULL PRIMARY KEY,
  version TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  last_write_at INTEGER NOT NULL,
  expires_at INTEGER,
  purge_at INTEGER,
  sync_method TEXT NOT NULL,
  sync_timestamp INTEGER NOT NULL,
  session_id BLOB,
  interaction_id BLOB,
  idempotency TEXT,
  hash TEXT NOT NULL,
  value BLOB
) STRICT;
CREATE INDEX kvshadow_last_write_at ON kvshadow (last_write_at);
CREATE INDEX kvshadow_bucket_version ON kvshadow (bucket, version);
CREATE INDEX kvshadow_purge_at ON kvshadow (purge_at) WHERE purge_at IS NOT NULL;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  ts INTEGER NOT NULL,
  processed INTEGER NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  owner TEXT,
  processed_at INTEGER,
  cause TEXT,
  dead_at INTEGER,
  op TEXT NOT NULL,
  key BLOB NOT NULL,
  bucket INTEGER NOT NULL,
  version TEXT NOT NULL,
  expires_at INTEGER,
  session_id BLOB,
  interaction_id BLOB,
  idempotency TEXT,
  hash TEXT NOT NULL,
  value BLOB
) STRICT;
CREATE INDEX outbox_processed_ts ON outbox (processed, ts);
CREATE INDEX outbox_unprocessed_key ON outbox (key) WHERE processed = 0;
CREATE INDEX outbox_processed_at ON outbox (processed_at) WHERE processed = 1;
${PARKED_INDEX}

CREATE TABLE state (name TEXT NOT NULL PRIMARY KEY, value ANY NOT NULL) STRICT;
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  lease_until INTEGER NOT NULL
) STRICT;
${BUCKET_STATES}
${RECORDS}
`;

/** Every index of the newest layout. */
export const INDEX_NAMES: readonly string[] = Array.from(
  TABLES.matchAll(/CREATE INDEX (\w+)/g),
  ([, name = ""]) => name,
);

/**
 * What makes each layout out of the one before; the first of these makes layout 2. Only additions, so that a process of
 * an earlier release that has the file open works on.
 */
const UPGRADES = [
  `
ALTER TABLE kvshadow ADD COLUMN idempotency TEXT;
ALTER TABLE outbox ADD COLUMN idempotency TEXT;
ALTER TABLE outbox ADD COLUMN cause TEXT;
ALTER TABLE outbox ADD COLUMN dead_at INTEGER;
${PARKED_INDEX}
`,
  BUCKET_STATES,
  RECORDS,
] as const;

/** Brings a file of an earlier layout to the newest. To be run inside one transaction. */
export function upgradeSql(fromVersion: number): string {
  return `${UPGRADES.slice(fromVersion - 1).join("")}
PRAGMA user_version = ${SCHEMA_VERSION};
`;
}

/** Makes an empty file a store with this identity. To be run inside one transaction. */
export function schemaSql(storeId: string): string {
  return `${TABLES}
INSERT INTO state (name, value) VALUES
  ('store_id', '${storeId}'),
  ('epoch', ${FIRST_EPOCH}),
  ('last_seq', 0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`;
}
