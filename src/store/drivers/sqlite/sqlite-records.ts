import type { Clock } from "../../../lib/clock.ts";
import {
  type KeptRecord,
  type NewRecord,
  RECORDS_MAX,
  type RecordsPage,
  type RecordsPort,
} from "../../records-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { bytesOf, textOf } from "./sqlite-entry.ts";

interface RecordRow {
  readonly id: Uint8Array;
  readonly of_group: Uint8Array;
  readonly at: number;
  readonly expires_at: number | null;
  readonly revision: number;
  readonly body: string;
}

const COLUMNS = "id, of_group, at, expires_at, revision, body";
const IS_THERE = "coalesce(records.expires_at > ?, 1)";

const PUT = `
INSERT INTO records (kind, id, of_group, at, expires_at, revision, body) VALUES (?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (kind, id) DO UPDATE SET
  of_group = excluded.of_group, at = excluded.at, expires_at = excluded.expires_at,
  revision = iif(${IS_THERE}, revision + 1, 1), body = excluded.body`;

const GET = `SELECT ${COLUMNS} FROM records WHERE kind = ? AND id = ? AND ${IS_THERE}`;

const LIST = `
SELECT ${COLUMNS} FROM records
WHERE kind = ? AND (at, id) < (?, ?) AND ${IS_THERE}
ORDER BY at DESC, id DESC LIMIT ?`;

const LIST_GROUP = `
SELECT ${COLUMNS} FROM records
WHERE kind = ? AND of_group = ? AND (at, id) < (?, ?) AND ${IS_THERE}
ORDER BY at DESC, id DESC LIMIT ?`;

const REMOVE = "DELETE FROM records WHERE kind = ? AND id = ?";

const TRIM = `
DELETE FROM records WHERE rowid IN (
  SELECT rowid FROM records WHERE kind = ? AND ${IS_THERE} ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?)`;

const TRIM_GROUP = `
DELETE FROM records WHERE rowid IN (
  SELECT rowid FROM records WHERE kind = ? AND of_group = ? AND ${IS_THERE}
  ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?)`;

const REMOVE_EXPIRED = `
DELETE FROM records WHERE rowid IN (
  SELECT rowid FROM records WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ${RECORDS_MAX})`;

/** Later than any record, so that a list from there on is a whole one. */
const FROM_THE_NEWEST = { atMs: Number.MAX_SAFE_INTEGER, id: "" };

/** One row for each; expired ones go in bounded portions with later writes. */
export class SqliteRecords implements RecordsPort {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;

  constructor({ database, clock }: { readonly database: SqliteDatabase; readonly clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  async put(records: readonly NewRecord[]): Promise<void> {
    await this.#write(() => {
      for (const record of records) this.#put(record);
    });
  }

  async replace(record: NewRecord, revision: number): Promise<boolean> {
    return this.#write(() => {
      const found = this.#get(record.kind, record.id);
      if ((found?.revision ?? 0) !== revision) return false;
      this.#put(record);
      return true;
    });
  }

  async get(kind: string, id: string): Promise<KeptRecord | undefined> {
    return this.#get(kind, id);
  }

  async list(
    kind: string,
    { group, before = FROM_THE_NEWEST, limit }: RecordsPage,
  ): Promise<readonly KeptRecord[]> {
    const page = [
      before.atMs,
      bytesOf(before.id),
      this.#clock.nowMs(),
      Math.min(limit, RECORDS_MAX),
    ];
    const rows =
      group === undefined
        ? this.#database.query<RecordRow>(LIST).all(kind, ...page)
        : this.#database.query<RecordRow>(LIST_GROUP).all(kind, bytesOf(group), ...page);
    return rows.map((row) => toRecord(kind, row));
  }

  async remove(kind: string, id: string): Promise<boolean> {
    return this.#write(() => {
      const isThere = this.#get(kind, id) !== undefined;
      this.#database.query(REMOVE).run(kind, bytesOf(id));
      return isThere;
    });
  }

  async trim(
    kind: string,
    { group, keep }: { readonly group?: string; readonly keep: number },
  ): Promise<number> {
    const nowMs = this.#clock.nowMs();
    return this.#write(() =>
      group === undefined
        ? this.#database.query(TRIM).run(kind, nowMs, keep)
        : this.#database.query(TRIM_GROUP).run(kind, bytesOf(group), nowMs, keep),
    );
  }

  #write<T>(body: () => T): Promise<T> {
    return this.#database.write(
      () => {
        this.#database.query(REMOVE_EXPIRED).run(this.#clock.nowMs());
        return body();
      },
      { commitFailure: "UNKNOWN_OUTCOME" },
    );
  }

  #put({ kind, id, group, atMs, expiresAtMs, body }: NewRecord): void {
    this.#database
      .query(PUT)
      .run(
        kind,
        bytesOf(id),
        bytesOf(group),
        atMs,
        expiresAtMs,
        JSON.stringify(body),
        this.#clock.nowMs(),
      );
  }

  #get(kind: string, id: string): KeptRecord | undefined {
    const row = this.#database.query<RecordRow>(GET).get(kind, bytesOf(id), this.#clock.nowMs());
    return row === undefined ? undefined : toRecord(kind, row);
  }
}

function toRecord(kind: string, row: RecordRow): KeptRecord {
  return {
    kind,
    id: textOf(row.id),
    group: textOf(row.of_group),
    atMs: row.at,
    expiresAtMs: row.expires_at,
    revision: row.revision,
    body: JSON.parse(row.body) as KeptRecord["body"],
  };
}
