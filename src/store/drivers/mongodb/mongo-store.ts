import type { mongo } from "mongoose";
import { chunksOf } from "../../../lib/chunks-of.ts";
import type { Clock } from "../../../lib/clock.ts";
import { GroupedCalls } from "../../../lib/grouped-calls.ts";
import {
  type Entry,
  newestOfEach,
  type ShadowContents,
  type ShadowDigest,
  type ShadowEntry,
  type SyncMethod,
} from "../../../model/entry.ts";
import type { Version } from "../../../model/version.ts";
import { beginLife, type StatementLife } from "../../statement-life.ts";
import type { KeyPlace, ScanPage, StaleQuery, StorePort } from "../../store-port.ts";
import { eachBulk } from "./bulk.ts";
import { leasesOf, shadowOf } from "./collections.ts";
import { KEYS_PER_LOOKUP, keyBatches, LOOKUPS_AT_ONCE } from "./key-batches.ts";
import { keyRange } from "./key-range.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { DIGEST_FIELDS, type DigestRow, decodeDigest } from "./shadow-digests.ts";
import {
  CONTENTS_FIELDS,
  type ContentsRow,
  decodeContents,
  decodeRow,
  encodeRow,
  type ShadowRow,
  type StoredRow,
} from "./shadow-row.ts";
import { toRowBulks, upsertNewer } from "./upsert-rows.ts";

/** A linearizable read waits for a majority, without a limit of its own for ever. */
const LINEARIZABLE_MS = 2_000;

/** Fewer than there are connections, so that writes need not wait behind them. */
const LINEARIZABLE_AT_ONCE = 8;

/**
 * The shadow in the collection `kvshadow`. `graceMs` is how long a dead row must be kept after its
 * delete or expiry, milliseconds.
 */
export class MongoStore implements StorePort {
  readonly kind = "mongodb";
  readonly #connection: MongoConnection;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #reads: GroupedCalls<string, ReadonlyMap<string, ShadowEntry>>;

  constructor(options: {
    readonly connection: MongoConnection;
    readonly clock: Clock;
    readonly graceMs: number;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#graceMs = options.graceMs;
    this.#reads = new GroupedCalls({
      callsMax: LOOKUPS_AT_ONCE,
      itemsMax: KEYS_PER_LOOKUP,
      call: (keys) => this.getMany(keys),
    });
  }

  async storeId(): Promise<string> {
    return this.#connection.storeId();
  }

  async ping(): Promise<void> {
    await this.#connection.call("ping", (database) => database.command({ ping: 1 }));
  }

  async get(key: string): Promise<ShadowEntry | undefined> {
    if (!(await this.#connection.primaryMayMove())) return (await this.#reads.with(key)).get(key);
    const row = await this.#connection.call("read a row", (database) =>
      shadowOf(database).findOne(
        { _id: key },
        { readConcern: { level: "linearizable" }, maxTimeMS: LINEARIZABLE_MS },
      ),
    );
    return row === null ? undefined : decodeRow(row);
  }

  async getEach(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>> {
    if (!(await this.#connection.primaryMayMove())) return this.getMany(keys);
    const found = new Map<string, ShadowEntry>();
    // The server reads one row at a time linearizably.
    for (const some of chunksOf([...new Set(keys)], LINEARIZABLE_AT_ONCE)) {
      const rows = await Promise.all(some.map((key) => this.get(key)));
      for (const row of rows) if (row !== undefined) found.set(row.key, row);
    }
    return found;
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowEntry>> {
    const found = new Map<string, ShadowEntry>();
    for (const some of keyBatches(keys)) {
      const rows = await this.#connection.call("read rows", (database) =>
        shadowOf(database)
          .find({ _id: { $in: some } }, { batchSize: some.length })
          .toArray(),
      );
      for (const row of rows) found.set(row._id, decodeRow(row));
    }
    return found;
  }

  async getDigests(keys: readonly string[]): Promise<ReadonlyMap<string, ShadowDigest>> {
    const found = new Map<string, ShadowDigest>();
    for (const some of keyBatches(keys)) {
      const rows = await this.#connection.call("read digests of rows", (database) =>
        shadowOf(database)
          .find<DigestRow>(
            { _id: { $in: some } },
            { projection: DIGEST_FIELDS, batchSize: some.length },
          )
          .toArray(),
      );
      for (const row of rows) found.set(row._id, decodeDigest(row));
    }
    return found;
  }

  async existing(keys: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (const some of keyBatches(keys)) {
      // One number says that all are there, as they mostly are; naming them takes this process four times as long.
      const count = await this.#connection.call("count rows of keys", (database) =>
        shadowOf(database).countDocuments({ _id: { $in: some } }),
      );
      if (count === some.length) {
        for (const key of some) found.add(key);
        continue;
      }
      // Answered from the index alone.
      const rows = await this.#connection.call("look for rows", (database) =>
        shadowOf(database)
          .find({ _id: { $in: some } }, { projection: { _id: 1 }, batchSize: some.length })
          .toArray(),
      );
      for (const row of rows) found.add(row._id);
    }
    return found;
  }

  async applyNewer(
    entries: readonly Entry[],
    method: SyncMethod,
    life: StatementLife = beginLife(this.#clock),
  ): Promise<ReadonlyMap<string, Version>> {
    const versions = new Map<string, Version>();
    await eachBulk(toRowBulks(this.#toRows(entries, method)), async (bulk) => {
      const written = await this.#connection.callWhileAlive("write rows", life, (database, until) =>
        upsertNewer(database, bulk, until),
      );
      for (const [key, version] of written) versions.set(key, version);
    });
    return versions;
  }

  async scan(page: ScanPage): Promise<readonly ShadowEntry[]> {
    return (await this.#scan<StoredRow>("scan rows", page)).map(decodeRow);
  }

  async scanContents(page: ScanPage): Promise<readonly ShadowContents[]> {
    const rows = await this.#scan<ContentsRow>("scan contents of rows", page, CONTENTS_FIELDS);
    return rows.map(decodeContents);
  }

  async scanDigests(page: ScanPage): Promise<readonly ShadowDigest[]> {
    const rows = await this.#scan<DigestRow>("scan digests of rows", page, DIGEST_FIELDS);
    return rows.map(decodeDigest);
  }

  async keyAfter({ afterKey, prefix, skip }: KeyPlace): Promise<string | undefined> {
    const row = await this.#connection.call("look for a key", (database) =>
      shadowOf(database).findOne(
        { _id: keyRange({ afterKey, prefix }) },
        { projection: { _id: 1 }, sort: { _id: 1 }, skip },
      ),
    );
    return row?._id;
  }

  async staleEntries({ beforeMs, prefix, limit }: StaleQuery): Promise<{
    readonly count: number;
    readonly keys: readonly string[];
  }> {
    const filter = {
      lastWriteAt: { $lt: new Date(beforeMs) },
      _id: keyRange({ prefix }),
      deleted: { $ne: true },
      expiresAt: { $not: { $lte: new Date(this.#clock.nowMs()) } },
    };
    const [count, rows] = await this.#connection.call("look for stale rows", (database) =>
      Promise.all([
        shadowOf(database).countDocuments(filter),
        limit <= 0
          ? []
          : shadowOf(database)
              .find(filter, { projection: { _id: 1 }, sort: { lastWriteAt: 1, _id: 1 }, limit })
              .toArray(),
      ]),
    );
    return { count, keys: rows.map((row) => row._id) };
  }

  async countRows(prefix = ""): Promise<number> {
    return this.#connection.call("count rows", (database) =>
      prefix === ""
        ? shadowOf(database).estimatedDocumentCount()
        : shadowOf(database).countDocuments({ _id: keyRange({ prefix }) }),
    );
  }

  async acquireLease(name: string, owner: string, leaseMs: number): Promise<boolean> {
    // By the server's clock alone, which all processes share.
    const isFree = {
      $or: [{ $eq: ["$owner", { $literal: owner }] }, { $lte: ["$until", "$$NOW"] }],
    };
    const taken = {
      _id: { $literal: name },
      owner: { $literal: owner },
      until: { $add: ["$$NOW", leaseMs] },
    };
    const lease = await this.#connection.call("take a lease", (database) =>
      leasesOf(database).findOneAndUpdate(
        { _id: name },
        [{ $replaceWith: { $cond: [isFree, taken, "$$ROOT"] } }],
        { upsert: true, returnDocument: "after" },
      ),
    );
    return lease?.owner === owner;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #scan<Row extends mongo.Document>(
    what: string,
    { afterKey, prefix, limit }: ScanPage,
    projection: mongo.Document = {},
  ): Promise<readonly Row[]> {
    // To MongoDB, a limit of 0 is none at all.
    if (limit <= 0) return [];
    return this.#connection.call(what, (database) =>
      shadowOf(database)
        .find<Row>(
          { _id: keyRange({ afterKey, prefix }) },
          { projection, sort: { _id: 1 }, limit, batchSize: limit },
        )
        .toArray(),
    );
  }

  /** Each key once, with its newest entry: an unordered bulk promises no order of its own. */
  #toRows(entries: readonly Entry[], method: SyncMethod): ShadowRow[] {
    const newest = newestOfEach(entries);
    const nowMs = this.#clock.nowMs();
    const graceMs = this.#graceMs;
    return Array.from(newest.values(), (entry) => encodeRow(entry, { method, nowMs, graceMs }));
  }
}
