import { afterAll, beforeAll, beforeEach } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { RedisModelKeys } from "../../../src/cache/drivers/redis/redis-model-keys.ts";
import type { ModelKeysPort } from "../../../src/cache/model-keys-port.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import type { Model } from "../../../src/models/model.ts";
import { ModelReconciler } from "../../../src/models/model-reconciler.ts";
import { ModelRegistry } from "../../../src/models/model-registry.ts";
import { type OpenedMongo, openMongo } from "../../../src/store/drivers/mongodb/open-mongo.ts";
import type { ModelDocumentsPort } from "../../../src/store/model-documents-port.ts";
import { RecordingLog } from "../recording-log.ts";
import type { MongoServers } from "../servers/mongo-servers.ts";
import { startMongo } from "../servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../servers/start-redis.ts";
import type { WrittenUsers } from "./live-writer.ts";
import { makeModel } from "./make-model.ts";

/** A numbered user with a version and a time, as the application of these tests keeps them. */
export interface User extends mongoose.mongo.Document {
  readonly _id: number;
  readonly name: string;
  readonly updatedAt: Date;
  readonly __v: number;
}

const DATABASE = "application";

export function userOf(id: number, version: number): User {
  return { _id: id, name: `${id} v${version}`, updatedAt: new Date(version * 1000), __v: version };
}

/** What a test may do between two steps of a reconciliation. */
export interface Between {
  /** Right before entries are changed. */
  readonly entries?: () => Promise<void>;
  /** Right before a document is changed. */
  readonly document?: () => Promise<void>;
  /** Takes the place of giving locks back. */
  readonly unlock?: () => Promise<void>;
  /** After each wait: how long it has waited in all, milliseconds, if its clock is the hurried one. */
  readonly waited?: (sleptMs: number) => Promise<unknown>;
}

export interface ReconcilerOptions {
  readonly model?: Partial<Model>;
  readonly between?: Between;
  readonly clock?: Clock;
}

/** Redis and MongoDB (0: standalone, 1: a replica set) with an application's users in them, none when a test begins. */
export function useModelWorld(replicaSet: 0 | 1): ModelWorld {
  const world = new ModelWorld();
  beforeAll(() => world.start(replicaSet));
  beforeEach(() => world.beginTest());
  afterAll(() => world.close());
  return world;
}

export class ModelWorld implements WrittenUsers {
  log = new RecordingLog();
  #redis: RedisServer | undefined;
  #mongo: MongoServers | undefined;
  #mongoClient: mongoose.mongo.MongoClient | undefined;
  #client: Redis | undefined;
  #opened: OpenedMongo | undefined;
  #keys: RedisModelKeys | undefined;

  /** The application's own connection. */
  get client(): Redis {
    return there(this.#client);
  }

  get users(): mongoose.mongo.Collection<User> {
    return there(this.#mongoClient).db(DATABASE).collection<User>("users");
  }

  reconciler({
    model,
    between = {},
    clock = hurriedClock(between.waited),
  }: ReconcilerOptions = {}): ModelReconciler {
    const { records, modelDocuments, store } = there(this.#opened);
    return new ModelReconciler({
      registry: new ModelRegistry([makeModel(model ?? {})]),
      backends: {
        documents: documentsWith(modelDocuments, between),
        keys: keysWith(there(this.#keys), between),
        rows: store,
      },
      records,
      clock,
      random: systemRandom,
      log: this.log,
      perSec: 0,
    });
  }

  async store(...users: readonly User[]): Promise<void> {
    await this.users.insertMany([...users]);
  }

  async cache(...users: readonly User[]): Promise<void> {
    for (const user of users) await this.client.set(`user:${user._id}`, JSON.stringify(user));
  }

  async writeDocument(id: number, version: number): Promise<void> {
    const { _id, ...fields } = userOf(id, version);
    await this.users.updateOne({ _id, __v: { $lt: version } }, { $set: fields });
  }

  writeEntry(id: number, version: number): Promise<void> {
    return this.cache(userOf(id, version));
  }

  async dropEntry(id: number): Promise<void> {
    await this.client.del(`user:${id}`);
  }

  /** The version on each side; undefined where there is nothing. */
  async versions(id: number): Promise<{ stored: number | undefined; cached: number | undefined }> {
    const stored = await this.users.findOne({ _id: id });
    const text = await this.client.get(`user:${id}`);
    const cached = text === null ? undefined : (JSON.parse(text) as User).__v;
    return { stored: stored?.__v, cached };
  }

  async start(replicaSet: 0 | 1): Promise<void> {
    [this.#redis, this.#mongo] = await Promise.all([startRedis(), startMongo({ replicaSet })]);
    this.#mongoClient = new mongoose.mongo.MongoClient(this.#mongo.uri);
    this.#client = new Redis(this.#redis.url);
    this.#keys = new RedisModelKeys({
      url: this.#redis.url,
      // A slow machine is none of this.
      commandTimeoutMs: 30_000,
      log: silentLog,
    });
    this.#opened = openMongo({
      uri: this.#mongo.uriOf(DATABASE),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
  }

  async beginTest(): Promise<void> {
    this.log = new RecordingLog();
    await this.client.flushall();
    await this.users.drop();
    await there(this.#opened).records.trim("model_checkpoint", { keep: 0 });
  }

  async close(): Promise<void> {
    this.#client?.disconnect();
    await Promise.all([this.#keys?.close(), this.#opened?.store.close()]);
    await this.#mongoClient?.close();
    await Promise.all([this.#redis?.close(), this.#mongo?.close()]);
  }
}

/** Waits take no time, and the clock is that much later. */
function hurriedClock(waited: Between["waited"] = async () => undefined): Clock {
  let sleptMs = 0;
  return {
    nowMs: () => systemClock.nowMs() + sleptMs,
    monotonicMs: () => systemClock.monotonicMs() + sleptMs,
    sleep: async (ms) => {
      sleptMs += ms;
      await systemClock.sleep(0);
      await waited(sleptMs);
    },
  };
}

function keysWith(keys: RedisModelKeys, { entries, unlock }: Between): ModelKeysPort {
  return {
    readMany: (names, shape) => keys.readMany(names, shape),
    scan: (page) => keys.scan(page),
    count: () => keys.count(),
    lockMany: (locks, holdMs) => keys.lockMany(locks, holdMs),
    unlockMany: (locks) => unlock?.() ?? keys.unlockMany(locks),
    changeMany: async (changes, shape) => {
      if (changes.length > 0) await entries?.();
      return keys.changeMany(changes, shape);
    },
    close: () => keys.close(),
  };
}

function documentsWith(documents: ModelDocumentsPort, { document }: Between): ModelDocumentsPort {
  return {
    count: (ref) => documents.count(ref),
    page: (ref, page) => documents.page(ref, page),
    sample: (ref, size) => documents.sample(ref, size),
    find: (ref, ids) => documents.find(ref, ids),
    change: async (ref, change) => {
      await document?.();
      return documents.change(ref, change);
    },
  };
}

function there<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("The servers are there only while a test runs.");
  return part;
}
