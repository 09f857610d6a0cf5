import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import {
  type OpenLockstep,
  openLockstep,
  type Variables,
} from "../support/lockstep/open-lockstep.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import type { RedisServer } from "../support/servers/start-redis.ts";
import { emptyDatabase } from "./open-stores.ts";
import type { ToolSetting } from "./tool-step.ts";
import { type RowEditor, ToolSubject } from "./tool-subject.ts";

/**
 * Nothing but the calls of the stream is to happen, all of each key's history is to be told, and no call is to end otherwise
 * because the machine is busy. Unpinned, whatever looks like drift is looked at again after that time.
 */
function sharedVariables({ maxmemoryPolicy }: ToolSetting): Variables {
  return {
    LOCKSTEP_HEALTH_INTERVAL_MS: "3600000",
    LOCKSTEP_HISTORY_EVENTS_PER_KEY: "1000",
    LOCKSTEP_SYNC_TIMEOUT_MS: maxmemoryPolicy === "allkeys-lru" ? "5000" : "20000",
  };
}

/** A backend for one stream, new or emptied. */
interface OpenedBackend {
  readonly variables: Variables;
  close(): Promise<void>;
}

interface OpenedStore extends OpenedBackend {
  readonly rows: RowEditor;
}

/** Opens the product on every mix of a cache and a store. */
export class Mixes {
  readonly #redis: RedisServer;
  readonly #mongo: MongoServers;
  readonly #client: mongoose.mongo.MongoClient;

  constructor(redis: RedisServer, mongo: MongoServers) {
    this.#redis = redis;
    this.#mongo = mongo;
    this.#client = new mongoose.mongo.MongoClient(mongo.uri);
  }

  /** The first needs no server. */
  async open(setting: ToolSetting): Promise<readonly ToolSubject[]> {
    const subjects: ToolSubject[] = [];
    const add = async (name: string, store: OpenedStore, cache: OpenedBackend) => {
      subjects.push(await openMix(name, setting, store, cache));
    };
    await add("no server", await openSqlite(), NO_REDIS);
    await add("MongoDB alone", await this.#openMongo("alone"), NO_REDIS);
    await add("Redis and SQLite", await openSqlite(), await this.#openRedis(1, setting));
    await add(
      "Redis and MongoDB",
      await this.#openMongo("beside"),
      await this.#openRedis(2, setting),
    );
    return subjects;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #openRedis(database: number, { maxmemoryPolicy }: ToolSetting): Promise<OpenedBackend> {
    const url = `${this.#redis.url}/${database}`;
    const client = new Redis(url);
    await client.flushdb();
    await client.config("SET", "maxmemory-policy", maxmemoryPolicy);
    await client.quit();
    return { variables: { REDIS_URL: url }, close: async () => undefined };
  }

  /** Emptied, since making collections and indexes anew takes longer than many steps. */
  async #openMongo(name: string): Promise<OpenedStore> {
    const database = this.#client.db(name);
    await emptyDatabase(database);
    const rows = database.collection<{ _id: string }>("kvshadow");
    return {
      variables: { MONGODB_URI: this.#mongo.uriOf(name) },
      rows: {
        async edit(key, lastValue, valueHash) {
          const change = { lastValue, ...(valueHash === undefined ? {} : { valueHash }) };
          const { matchedCount } = await rows.updateOne({ _id: key }, { $set: change });
          if (matchedCount === 0) throw new Error(`There is no row ${key}.`);
        },
      },
      close: async () => undefined,
    };
  }
}

const NO_REDIS: OpenedBackend = { variables: {}, close: async () => undefined };

async function openSqlite(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-differential-"));
  const file = join(folder, "lockstep.db");
  const { DatabaseSync } = await loadSqlite();
  return {
    variables: { LOCKSTEP_SQLITE_FILE: file },
    rows: {
      async edit(key, value, hash) {
        const database = new DatabaseSync(file);
        try {
          const { changes } = database
            .prepare("UPDATE kvshadow SET value = ?, hash = coalesce(?, hash) WHERE key = ?")
            .run(Buffer.from(value), hash ?? null, Buffer.from(key));
          if (changes === 0) throw new Error(`There is no row ${key}.`);
        } finally {
          database.close();
        }
      },
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function openMix(
  name: string,
  setting: ToolSetting,
  store: OpenedStore,
  cache: OpenedBackend,
): Promise<ToolSubject> {
  const variables = { ...sharedVariables(setting), ...store.variables, ...cache.variables };
  const instances: OpenLockstep[] = [];
  const close = async () => {
    for (const instance of instances) await instance.close();
    await Promise.all([store.close(), cache.close()]);
  };
  try {
    while (instances.length < setting.instances) instances.push(await openLockstep(variables));
  } catch (error) {
    await close();
    throw error;
  }
  const restart = async (at: number) => {
    const [old] = instances.splice(at, 1);
    await old?.close();
    instances.splice(at, 0, await openLockstep(variables));
  };
  return new ToolSubject(name, setting, { instances, rows: store.rows, restart, close });
}
