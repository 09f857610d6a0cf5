import type { Clock } from "../../src/lib/clock.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import {
  type Entry,
  isDead,
  newerOf,
  type ShadowDigest,
  type ShadowEntry,
} from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { RunTimeSettings } from "../../src/model/sync-settings.ts";
import { type Version, writtenAtMs } from "../../src/model/version.ts";
import type { BucketStatesPort } from "../../src/store/bucket-states-port.ts";
import type { AuthorityCommands } from "../../src/store/drivers/mongodb/authority-commands.ts";
import type { OutboxEvent, OutboxPort } from "../../src/store/outbox-port.ts";
import type { PurgePort } from "../../src/store/purge-port.ts";
import type { RecordsPort } from "../../src/store/records-port.ts";
import type { SettingsPort } from "../../src/store/settings-port.ts";
import { beginLife, lifeLeftMs } from "../../src/store/statement-life.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import type { FakeStore, HeldEvent } from "./fake-store.ts";
import { fakeAuthorityCommands } from "./fake-store-authority.ts";
import { fakePurge } from "./fake-store-purge.ts";
import { fakeRecords } from "./fake-store-records.ts";

export interface FakeStoreConnection {
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly settings: SettingsPort;
  readonly bucketStates: BucketStatesPort;
  readonly purge: PurgePort;
  readonly records: RecordsPort;
  /** What an authority on this store is made of. */
  readonly commands: AuthorityCommands;
}

/**
 * One process' connection to a {@link FakeStore}: it passes the contract suites of the real drivers, so a simulation may
 * stand on it. `clock` is the process' own. Each call is one atomic step, taken in the turn in which it is made.
 */
export function openFakeStore(server: FakeStore, clock: Clock): FakeStoreConnection {
  const connection = { closed: false };
  const reach = () => {
    if (connection.closed || !server.isUp) {
      throw new LockstepError("STORE_UNAVAILABLE", "The store refused the connection.");
    }
  };
  return {
    store: fakeRows(server, clock, reach, () => {
      connection.closed = true;
    }),
    outbox: fakeOutbox(server, clock, reach),
    settings: fakeSettings(server, reach),
    bucketStates: fakeBucketStates(server, reach),
    purge: fakePurge(server, reach),
    records: fakeRecords(server, clock, reach),
    commands: fakeAuthorityCommands(server, clock, reach),
  };
}

function fakeRows(
  server: FakeStore,
  clock: Clock,
  reach: () => void,
  close: () => void,
): StorePort {
  const inOrder = (prefix = "") =>
    [...server.rows.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((left, right) => compareBytes(left.key, right.key));
  const after = ({
    afterKey,
    prefix,
  }: {
    readonly afterKey?: string;
    readonly prefix?: string;
  }) => {
    const rows = inOrder(prefix);
    if (afterKey === undefined) return rows;
    return rows.filter(({ key }) => compareBytes(key, afterKey) > 0);
  };
  const getMany = async (keys: readonly string[]) => {
    reach();
    const found = new Map<string, ShadowEntry>();
    for (const key of keys) {
      const row = server.rows.get(key);
      if (row !== undefined) found.set(key, row);
    }
    return found;
  };
  return {
    kind: "mongodb",
    async storeId() {
      reach();
      return server.storeId;
    },
    async ping() {
      reach();
    },
    async get(key) {
      reach();
      return server.rows.get(key);
    },
    getMany,
    getEach: getMany,
    async getDigests(keys) {
      reach();
      const found = new Map<string, ShadowDigest>();
      for (const key of keys) {
        const row = server.rows.get(key);
        if (row !== undefined) found.set(key, digestOf(row));
      }
      return found;
    },
    async existing(keys) {
      reach();
      return new Set(keys.filter((key) => server.rows.has(key)));
    },
    async applyNewer(entries, method, life = beginLife(clock)) {
      reach();
      if (entries.length > 0) lifeLeftMs(life, clock);
      const versions = new Map<string, Version>();
      const refusals: unknown[] = [];
      for (const entry of newestOfEach(entries)) {
        try {
          const row = server.upsert(entry, method, Math.floor(clock.nowMs()));
          versions.set(entry.key, row.version);
        } catch (error) {
          refusals.push(error);
        }
      }
      // An unordered bulk: one that is refused does not keep the others back.
      if (refusals.length > 0) throw refusals[0];
      return versions;
    },
    async scan({ limit, ...place }) {
      reach();
      return after(place).slice(0, Math.max(0, limit));
    },
    async scanContents({ limit, ...place }) {
      reach();
      return after(place)
        .slice(0, Math.max(0, limit))
        .map(({ key, version, value, hash, expiresAtMs }) => ({
          key,
          version,
          value,
          hash,
          expiresAtMs,
        }));
    },
    async scanDigests({ limit, ...place }) {
      reach();
      return after(place).slice(0, Math.max(0, limit)).map(digestOf);
    },
    async keyAfter({ skip, ...place }) {
      reach();
      return after(place)[skip]?.key;
    },
    async staleEntries({ beforeMs, prefix, limit }) {
      reach();
      const stale = inOrder(prefix)
        .filter((row) => !isDead(row, clock.nowMs()) && writtenAtMs(row.version) < beforeMs)
        .sort((left, right) => writtenAtMs(left.version) - writtenAtMs(right.version));
      return { count: stale.length, keys: stale.slice(0, limit).map(({ key }) => key) };
    },
    async countRows(prefix) {
      reach();
      return inOrder(prefix).length;
    },
    async acquireLease(name, owner, leaseMs) {
      reach();
      const nowMs = server.nowMs();
      const held = server.leases.get(name);
      if (held !== undefined && held.owner !== owner && held.untilMs > nowMs) return false;
      server.leases.set(name, { owner, untilMs: nowMs + leaseMs });
      return true;
    },
    async close() {
      close();
    },
  };
}

function digestOf({ key, version, hash, value, expiresAtMs }: ShadowEntry): ShadowDigest {
  const valueBytes = value === null ? null : Buffer.byteLength(value);
  return { key, version, hash, valueBytes, expiresAtMs };
}

const CURSOR = /^after (event-\d+)$/;

function fakeOutbox(server: FakeStore, clock: Clock, reach: () => void): OutboxPort {
  const dead = () => oldestFirst(server.unprocessed()).filter((event) => event.dead !== undefined);
  return {
    async append(entries, life = beginLife(clock)) {
      reach();
      if (entries.length > 0) lifeLeftMs(life, clock);
      for (const entry of entries) server.insertEvent(entry, Math.floor(clock.nowMs()));
    },
    async claim({ limit, leaseMs }) {
      reach();
      const nowMs = server.nowMs();
      const free = server
        .unprocessed()
        .filter((event) => event.dead === undefined && event.leasedUntilMs <= nowMs);
      const taken = oldestFirst(free).slice(0, Math.max(0, limit));
      for (const event of taken) event.leasedUntilMs = nowMs + leaseMs;
      return taken.map(eventOf);
    },
    async markProcessed(ids) {
      reach();
      for (const event of server.unprocessed(ids)) {
        event.processed = true;
        event.dead = undefined;
      }
    },
    async release(ids, retryAfterMs, why) {
      reach();
      for (const event of server.unprocessed(ids)) {
        if (event.dead !== undefined) continue;
        if (why === "refused") event.attempts += 1;
        event.leasedUntilMs = server.nowMs() + retryAfterMs;
      }
    },
    async park(ids, cause) {
      reach();
      for (const event of server.unprocessed(ids)) {
        if (event.dead !== undefined) continue;
        event.attempts += 1;
        event.dead = { cause, sinceMs: server.nowMs() };
      }
    },
    async deadLetters({ limit, cursor }) {
      reach();
      const after = cursor === undefined ? undefined : CURSOR.exec(cursor)?.[1];
      if (cursor !== undefined && after === undefined) {
        throw new LockstepError("INPUT_INVALID", "The cursor is not one of this store's.");
      }
      const all = dead();
      const left = all.slice(all.findIndex(({ id }) => id === after) + 1);
      const shown = left.slice(0, limit);
      const last = shown.at(-1);
      return {
        letters: shown.map(letterOf),
        cursor: left.length > limit && last !== undefined ? `after ${last.id}` : undefined,
      };
    },
    async countDead() {
      reach();
      return dead().length;
    },
    async replay({ ids, limit }) {
      reach();
      const named = ids === undefined ? undefined : new Set(ids);
      const replayed = dead()
        .filter(({ id }) => named === undefined || named.has(id))
        .slice(0, limit);
      for (const event of replayed) {
        event.dead = undefined;
        event.attempts = 0;
        event.leasedUntilMs = Number.NEGATIVE_INFINITY;
      }
      return replayed.length;
    },
    async unprocessedOf(keys) {
      reach();
      const wanted = new Set(keys);
      const found = new Map<string, OutboxEvent[]>();
      for (const held of oldestFirst(server.unprocessed())) {
        const { key } = held.entry;
        if (!wanted.has(key)) continue;
        found.set(key, [...(found.get(key) ?? []), eventOf(held)]);
      }
      return found;
    },
    async unprocessedIn({ bucket, limit, cursor }) {
      reach();
      const after = cursor === undefined ? undefined : CURSOR.exec(cursor)?.[1];
      const ofBucket = oldestFirst(server.unprocessed()).filter(
        ({ entry }) => bucketOf(entry.key) === bucket,
      );
      const from = after === undefined ? 0 : ofBucket.findIndex(({ id }) => id === after) + 1;
      const page = ofBucket.slice(from, from + limit);
      const isEnd = from + limit >= ofBucket.length;
      return {
        events: page.map(eventOf),
        cursor: isEnd ? undefined : `after ${page.at(-1)?.id}`,
      };
    },
    async countUnprocessed() {
      reach();
      return server.unprocessed().length;
    },
  };
}

function fakeSettings(server: FakeStore, reach: () => void): SettingsPort {
  return {
    async read() {
      reach();
      return server.settings;
    },
    async change(change, made) {
      reach();
      const named = Object.entries(change);
      if (named.length === 0) return server.settings;
      const settings: Record<string, unknown> = { ...server.settings.settings };
      for (const [name, value] of named) {
        if (value === null) delete settings[name];
        else settings[name] = { value, ...made };
      }
      server.settings = {
        revision: server.settings.revision + 1,
        settings: settings as RunTimeSettings,
      };
      return server.settings;
    },
  };
}

function fakeBucketStates(server: FakeStore, reach: () => void): BucketStatesPort {
  return {
    async read(buckets) {
      reach();
      return buckets.map((bucket) => ({
        epoch: server.epochOf(bucket),
        raisedFor: server.raisedFor.get(bucket),
        highestPurged: server.highestPurged.get(bucket),
      }));
    },
    async raiseEpoch(bucket, incarnation) {
      reach();
      server.raisedFor.set(bucket, incarnation);
      const epoch = server.epochOf(bucket) + 1;
      server.epochs.set(bucket, epoch);
      return epoch;
    },
    async rowsAbove({ bucket, above, after, limit }) {
      reach();
      return [...server.rows.values()]
        .filter(({ key, version }) => bucketOf(key) === bucket && version > above)
        .map(({ key, version }) => ({ key, version }))
        .sort(compareRows)
        .filter((row) => after === undefined || compareRows(row, after) > 0)
        .slice(0, limit);
    },
  };
}

/** A bulk has each key once, with its newest entry. */
function newestOfEach(entries: readonly Entry[]): readonly Entry[] {
  const newest = new Map<string, Entry>();
  for (const entry of entries) {
    const other = newest.get(entry.key);
    newest.set(entry.key, other === undefined ? entry : newerOf(entry, other));
  }
  return [...newest.values()];
}

/** By the time that is noted with them; those of one time in the order of their insertion. */
function oldestFirst(events: readonly HeldEvent[]): readonly HeldEvent[] {
  return events.toSorted((one, other) => one.appendedMs - other.appendedMs);
}

function eventOf({ id, entry, attempts, dead }: HeldEvent): OutboxEvent {
  return { id, entry, attempts, ...(dead === undefined ? {} : { dead: true }) };
}

function letterOf({ id, entry, attempts, dead }: HeldEvent) {
  return {
    id,
    key: entry.key,
    version: entry.version,
    cause: dead?.cause ?? "",
    attempts,
    sinceMs: dead?.sinceMs ?? null,
  };
}

function compareRows(
  one: { readonly key: string; readonly version: Version },
  other: { readonly key: string; readonly version: Version },
): number {
  if (one.version !== other.version) return one.version < other.version ? -1 : 1;
  return compareBytes(one.key, other.key);
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
