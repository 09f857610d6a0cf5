import { bucketOf } from "../../../src/model/bucket.ts";
import { contentHash } from "../../../src/model/content-hash.ts";
import { epochOf, formatVersion, seqOf } from "../../../src/model/version.ts";
import type { CopyClass } from "../../../src/verify/classify.ts";
import type { RepairAction } from "../../../src/verify/plan-repair.ts";
import { waitUntil } from "../wait-until.ts";
import type { OpenLockstep } from "./open-lockstep.ts";
import type { Backends } from "./use-backends.ts";

/** What is done to a key, mostly behind Lockstep's back, and what that comes to. */
export interface Drift {
  readonly what: string;
  readonly verdict: CopyClass;
  /** What a comparison by digests takes it for, where that cannot see it. */
  readonly byDigests?: CopyClass;
  /** What `force_sync_repair` does about it by itself. */
  readonly action: RepairAction;
  /** What is read after the repair; null: not found. */
  readonly value: string | null;
  /** What the undo brings back; without it, there is nothing to undo. */
  readonly undone?: string;
  /** The class after the repair; ok where nothing else is said. */
  readonly after?: CopyClass;
}

/** What is done where a Redis is the cache and MongoDB the store. */
export interface PlantedDrift extends Drift {
  readonly plant: (gardener: Gardener, key: string) => Promise<unknown>;
  /** True where the cache must be one that holds unsynced writes and evicts nothing. */
  readonly needsPinned?: boolean;
  /** True where MongoDB is made to refuse for a moment, so that nothing else may be written meanwhile. */
  readonly needsFault?: boolean;
}

/** Brings keys into every state that verification knows. */
export class Gardener {
  readonly backends: Backends;
  readonly #lockstep: OpenLockstep;
  #eventWriter: OpenLockstep | undefined;

  constructor(backends: Backends, lockstep: OpenLockstep) {
    this.backends = backends;
    this.#lockstep = lockstep;
  }

  set(key: string, value: string) {
    return this.#lockstep.call("kv_set", { key, value });
  }

  setWithTtl(key: string, value: string, ttlSec: number) {
    return this.#lockstep.call("kv_set", { key, value, ttlSec });
  }

  delete(key: string) {
    return this.#lockstep.call("kv_delete", { key });
  }

  async setAndEvict(key: string, value: string): Promise<void> {
    await this.set(key, value);
    await this.backends.client.del(key, `lockstep:m:${key}`);
  }

  /** A write that the store did not take: it is in the journal. */
  async setUnsynced(key: string, value: string): Promise<void> {
    const { fault } = this.backends;
    await fault.set({ commands: ["update"], errorCode: 96 });
    await this.set(key, value);
    await fault.lift();
  }

  /**
   * Opens the server through which {@link setByEvent} writes: before anything else is planted, since a server that starts
   * brings over what is in the journal.
   */
  async openEventWriter(): Promise<void> {
    this.#eventWriter = await this.backends.open({
      LOCKSTEP_SYNC_MODE: "event-only",
      LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000",
    });
  }

  /** A write whose event another process has claimed and not applied. */
  async setByEvent(key: string, value: string): Promise<void> {
    const { fault, rowsNamespace, database } = this.backends;
    const event = { "payload.key": key, processed: false };
    const outbox = database.collection("outbox");
    if (this.#eventWriter === undefined) await this.openEventWriter();
    await fault.set({ commands: ["update"], namespace: rowsNamespace, errorCode: 96 });
    await this.#eventWriter?.call("kv_set", { key, value });
    // Tried and given back by its own process, which therefore has nothing under way any more.
    const givenBack = { ...event, owner: null, leaseUntil: { $ne: null } };
    await waitUntil(() => outbox.findOne(givenBack), { what: "the first attempt" });
    const held = { leaseUntil: new Date("2100-01-01"), owner: "another" };
    await outbox.updateOne(event, { $set: held });
    await fault.lift();
  }

  async verdictOf(key: string): Promise<CopyClass> {
    return (await this.#lockstep.call("verify_key_sync", { key })).verdict;
  }

  /** What Redis commands of another program do. */
  get redis() {
    return this.backends.client;
  }

  /** Gives the row another value, with the hash of it or with the old one. */
  async editRow(key: string, lastValue: string, hash: "right" | "old"): Promise<void> {
    const valueHash = hash === "right" ? { valueHash: contentHash(lastValue) } : {};
    await this.backends.rows.updateOne({ _id: key }, { $set: { lastValue, ...valueHash } });
  }

  /** Puts a row as the server would, from a later write than the one that is there. */
  async putNewerRow(key: string, lastValue: string): Promise<void> {
    const row = await this.backends.rowOf(key);
    if (row === null) throw new Error(`There is no row ${key}.`);
    const version = formatVersion(epochOf(row.version), seqOf(row.version) + 1);
    const written = { lastValue, valueHash: contentHash(lastValue), version };
    await this.backends.rows.updateOne({ _id: key }, { $set: written });
  }

  /** Everything that stands of a key on both sides, leases included. */
  async picture(key: string): Promise<unknown> {
    const { client } = this.backends;
    const [value, meta, marker, lease, row] = await Promise.all([
      client.dumpBuffer(key),
      client.dumpBuffer(`lockstep:m:${key}`),
      client.zscore(`lockstep:p:${bucketOf(key)}`, key),
      client.exists(`lockstep:l:${key}`),
      this.backends.rowOf(key),
    ]);
    return { value: hexOf(value), meta: hexOf(meta), marker, lease, row };
  }
}

/** ioredis says that there always is a Buffer. */
function hexOf(dumped: Buffer | null): string | undefined {
  return dumped?.toString("hex");
}

export const everyDrift: readonly PlantedDrift[] = [
  {
    what: "SET over our value",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.redis.set(key, "theirs");
    },
    verdict: "changed_outside",
    action: "follow_cache",
    value: "theirs",
    undone: "ours",
  },
  {
    what: "APPEND to our value",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.redis.append(key, " and more");
    },
    verdict: "changed_outside",
    action: "follow_cache",
    value: "ours and more",
    undone: "ours",
  },
  {
    what: "SET over a write that the store does not have yet",
    plant: async (gardener, key) => {
      await gardener.setUnsynced(key, "ours");
      await gardener.redis.set(key, "theirs");
    },
    verdict: "changed_outside",
    byDigests: "pending",
    action: "follow_cache",
    value: "theirs",
    needsPinned: true,
    needsFault: true,
  },
  {
    what: "SET over a write in the outbox",
    plant: async (gardener, key) => {
      await gardener.setByEvent(key, "ours");
      await gardener.redis.set(key, "theirs");
    },
    verdict: "changed_outside",
    byDigests: "pending",
    action: "follow_cache",
    value: "theirs",
    undone: "ours",
    after: "pending",
    needsFault: true,
  },
  {
    what: "SET of another value where ours had been evicted",
    plant: async (gardener, key) => {
      await gardener.setAndEvict(key, "ours");
      await gardener.redis.set(key, "theirs");
    },
    verdict: "changed_outside",
    action: "follow_cache",
    value: "theirs",
    undone: "ours",
  },
  {
    what: "SET over a deleted key",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.delete(key);
      await gardener.redis.set(key, "theirs");
    },
    verdict: "changed_outside",
    action: "follow_cache",
    value: "theirs",
  },
  {
    what: "DEL of a synced value, where nothing is ever evicted",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.redis.del(key);
    },
    verdict: "removed_outside",
    action: "remove",
    value: null,
    undone: "ours",
    after: "deleted",
    needsPinned: true,
  },
  {
    what: "DEL of a write that the store does not have yet",
    plant: async (gardener, key) => {
      await gardener.set(key, "synced");
      await gardener.setUnsynced(key, "unsynced");
      await gardener.redis.del(key);
    },
    verdict: "removed_outside",
    action: "remove",
    value: null,
    undone: "synced",
    after: "deleted",
    needsPinned: true,
    needsFault: true,
  },
  {
    what: "a row that was deleted",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.backends.rows.deleteOne({ _id: key });
    },
    verdict: "missing",
    action: "project",
    value: "ours",
  },
  {
    what: "a row that was deleted, and the value with it",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.backends.rows.deleteOne({ _id: key });
      await gardener.redis.del(key);
    },
    verdict: "lost",
    action: "none",
    value: null,
    after: "lost",
  },
  {
    what: "a row that is newer",
    plant: async (gardener, key) => {
      await gardener.set(key, "cached");
      await gardener.putNewerRow(key, "stored");
    },
    verdict: "stale",
    action: "drop_copy",
    value: "stored",
    after: "cold",
  },
  {
    what: "a row with another value and its right hash",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.editRow(key, "theirs", "right");
    },
    verdict: "diverged",
    action: "follow_cache",
    value: "ours",
    undone: "theirs",
  },
  {
    what: "a row whose value was edited, beside a sound copy",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.editRow(key, "edited", "old");
    },
    verdict: "diverged",
    action: "follow_cache",
    value: "ours",
    undone: "edited",
  },
  {
    what: "a row whose value was edited, and no copy",
    plant: async (gardener, key) => {
      await gardener.setAndEvict(key, "ours");
      await gardener.editRow(key, "edited", "old");
    },
    verdict: "corrupt",
    byDigests: "cold",
    action: "none",
    value: "edited",
    after: "corrupt",
  },
  {
    what: "a marker without anything else",
    plant: ({ redis }, key) => redis.zadd(`lockstep:p:${bucketOf(key)}`, "1", key),
    verdict: "lost",
    action: "drop_marker",
    value: null,
    after: "absent",
    needsPinned: true,
  },
  {
    what: "a value of another program",
    plant: ({ redis }, key) => redis.set(key, "theirs"),
    verdict: "unmanaged",
    action: "follow_cache",
    value: "theirs",
  },
  {
    what: "an equal value without its version",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.redis.del(`lockstep:m:${key}`);
    },
    verdict: "ok",
    action: "stamp",
    value: "ours",
  },
  {
    what: "an evicted value",
    plant: (gardener, key) => gardener.setAndEvict(key, "ours"),
    verdict: "cold",
    action: "none",
    value: "ours",
    after: "cold",
  },
  {
    what: "a write in the journal",
    plant: (gardener, key) => gardener.setUnsynced(key, "ours"),
    verdict: "pending",
    action: "sync_now",
    value: "ours",
    needsPinned: true,
    needsFault: true,
  },
  {
    what: "a write in the outbox",
    plant: (gardener, key) => gardener.setByEvent(key, "ours"),
    verdict: "pending",
    action: "sync_now",
    value: "ours",
    needsFault: true,
  },
  {
    what: "a key whose time is over",
    plant: async (gardener, key) => {
      await gardener.setWithTtl(key, "ours", 1);
      await waitUntil(async () => (await gardener.verdictOf(key)) === "expired");
    },
    verdict: "expired",
    action: "none",
    value: null,
    after: "expired",
  },
  {
    what: "a deleted key",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.delete(key);
    },
    verdict: "deleted",
    action: "none",
    value: null,
    after: "deleted",
  },
  {
    what: "an unknown key",
    plant: async () => undefined,
    verdict: "absent",
    action: "none",
    value: null,
    after: "absent",
  },
];
