import type { Clock } from "../../../lib/clock.ts";
import {
  type Entry,
  newestOfEach,
  type ShadowContents,
  type ShadowDigest,
  type ShadowEntry,
  type SyncMethod,
} from "../../../model/entry.ts";
import type { Version } from "../../../model/version.ts";
import { beginLife, lifeLeftMs, type StatementLife } from "../../statement-life.ts";
import type { KeyPlace, ScanPage, StaleQuery, StorePort } from "../../store-port.ts";
import { keysWithin } from "./key-range.ts";
import { countRows, getDigest, hasRow, keyAt, scanDigests } from "./shadow-digests.ts";
import { findStale, getShadow, putIfNewer, scanShadow, shadowVersion } from "./shadow-rows.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export interface SqliteStoreOptions {
  readonly database: SqliteDatabase;
  readonly clock: Clock;
  /** How long a tombstone or an expired row is kept at least, milliseconds. */
  readonly graceMs: number;
}

const ACQUIRE_LEASE = `
INSERT INTO leases (name, owner, lease_until) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
WHERE leases.owner = excluded.owner OR leases.lease_until <= ?`;

/** The shadow in a SQLite file. A read does its work before it returns; the promises are the port's. */
export class SqliteStore implements StorePort {
  readonly kind = "sqlite";
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor({ database, clock, graceMs }: SqliteStoreOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  async storeId(): Promise<string> {
    await this.ping();
    return this.#database.storeId;
  }

  async ping(): Promise<void> {
    this.#database.query("SELECT 1").get();
  }

  async get(key: string): Promise<ShadowEntry | undefined> {
    return getShadow(this.#database, key);
  }

  getEach(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>> {
    return this.getMany(keys);
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>> {
    return this.#database.read(() => {
      const rows = new Map<string, ShadowEntry>();
      for (const key of keys) {
        const row = getShadow(this.#database, key);
        if (row !== undefined) rows.set(key, row);
      }
      return rows;
    });
  }

  async getDigests(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowDigest>> {
    return this.#database.read(() => {
      const rows = new Map<string, ShadowDigest>();
      for (const key of keys) {
        const row = getDigest(this.#database, key);
        if (row !== undefined) rows.set(key, row);
      }
      return rows;
    });
  }

  async existing(keys: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#database.read(() => new Set(keys.filter((key) => hasRow(this.#database, key))));
  }

  async applyNewer(
    entries: readonly Entry[],
    method: SyncMethod,
    life: StatementLife = beginLife(this.#clock),
  ): Promise<ReadonlyMap<string, Version>> {
    const arrival = { method, nowMs: this.#clock.nowMs(), graceMs: this.#graceMs };
    return this.#database.write(() => {
      // Here, as the wait for the lock is over and nothing can come between this and the writing.
      lifeLeftMs(life, this.#clock);
      const versions = new Map<string, Version>();
      for (const entry of newestOfEach(entries).values()) {
        const outcome = putIfNewer(this.#database, entry, arrival);
        versions.set(
          entry.key,
          outcome === "written" ? entry.version : shadowVersion(this.#database, entry.key),
        );
      }
      return versions;
    });
  }

  async scan({ afterKey = "", prefix = "", limit }: ScanPage): Promise<readonly ShadowEntry[]> {
    return scanShadow(this.#database, keysWithin(prefix, afterKey), limit);
  }

  async scanContents(page: ScanPage): Promise<readonly ShadowContents[]> {
    return this.scan(page);
  }

  async scanDigests({ afterKey = "", prefix = "", limit }: ScanPage) {
    return scanDigests(this.#database, keysWithin(prefix, afterKey), limit);
  }

  async keyAfter({ afterKey = "", prefix = "", skip }: KeyPlace): Promise<string | undefined> {
    return keyAt(this.#database, keysWithin(prefix, afterKey), skip);
  }

  async staleEntries({
    beforeMs,
    prefix = "",
    limit,
  }: StaleQuery): Promise<{ readonly count: number; readonly keys: readonly string[] }> {
    const nowMs = this.#clock.nowMs();
    return findStale(this.#database, keysWithin(prefix), { beforeMs, nowMs, limit });
  }

  async countRows(prefix = ""): Promise<number> {
    return countRows(this.#database, keysWithin(prefix));
  }

  async acquireLease(name: string, owner: string, leaseMs: number): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    return this.#database.write(
      () => this.#database.query(ACQUIRE_LEASE).run(name, owner, nowMs + leaseMs, nowMs) > 0,
    );
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}
