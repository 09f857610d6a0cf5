import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { allowFailPoints, FailPoint } from "../servers/fail-point.ts";
import type { MongoServers } from "../servers/mongo-servers.ts";
import { startMongo } from "../servers/start-mongo.ts";
import { type RedisServer, type StartRedisOptions, startRedis } from "../servers/start-redis.ts";
import { WriteWatch } from "../servers/write-watch.ts";
import { waitUntil } from "../wait-until.ts";
import type { Caller } from "./caller.ts";
import { type OpenLockstep, openLockstep, type Variables } from "./open-lockstep.ts";
import { type StartedLockstep, startLockstep } from "./start-lockstep.ts";

/** A document of `kvshadow`, as far as tests look at it. */
export interface Row {
  readonly _id: string;
  readonly version: string;
  readonly lastValue: string | null;
  readonly valueHash: string;
  readonly deleted: boolean;
  readonly expiresAt: Date | null;
}

/**
 * A Redis and a MongoDB for the suite around it, and for each test a database of its own in both, which no other test
 * has seen. Whatever a test opens here is closed after it, and servers that it has stopped run again.
 */
export function useBackends(options: StartRedisOptions = {}): Backends {
  const backends = new Backends(options);
  beforeAll(() => backends.start());
  beforeEach(() => backends.beginTest());
  afterEach(() => backends.endTest());
  afterAll(() => backends.close());
  return backends;
}

export class Backends {
  readonly #redisOptions: StartRedisOptions;
  readonly #opened: Caller[] = [];
  #redis: RedisServer | undefined;
  #mongo: MongoServers | undefined;
  #mongoClient: mongoose.mongo.MongoClient | undefined;
  #fault: FailPoint | undefined;
  #client: Redis | undefined;
  #tests = 0;

  constructor(redisOptions: StartRedisOptions) {
    this.#redisOptions = redisOptions;
  }

  get redis(): RedisServer {
    return started(this.#redis);
  }

  get mongo(): MongoServers {
    return started(this.#mongo);
  }

  /** Makes MongoDB's answers to Lockstep slow or failures. */
  get fault(): FailPoint {
    return started(this.#fault);
  }

  /** Another program on the same Redis database. */
  get client(): Redis {
    return started(this.#client);
  }

  /** Another program on the same MongoDB database. */
  get database(): mongoose.mongo.Db {
    return started(this.#mongoClient).db(`test-${this.#tests}`);
  }

  get rows(): mongoose.mongo.Collection<Row> {
    return this.database.collection<Row>("kvshadow");
  }

  /** For `fault`: the rows, and not the outbox. */
  get rowsNamespace(): string {
    return this.rows.namespace;
  }

  /** What a user would set to use this test's databases. */
  variables(more: Variables = {}): Variables {
    return {
      REDIS_URL: `${this.redis.url}/${this.#tests}`,
      MONGODB_URI: this.mongo.uriOf(this.database.databaseName),
      ...more,
    };
  }

  open(more: Variables = {}): Promise<OpenLockstep> {
    return this.#keep(openLockstep(this.variables(more)));
  }

  startProcess(more: Variables = {}): Promise<StartedLockstep> {
    return this.#keep(startLockstep(this.variables(more)));
  }

  /** Sees what is written on either server from now on; the server's background jobs are not left out. */
  watchWrites(): Promise<WriteWatch> {
    return WriteWatch.begin({ redisUrl: this.redis.url, database: this.database });
  }

  rowOf(key: string): Promise<Row | null> {
    return this.rows.findOne({ _id: key });
  }

  /** How many writes Redis marks as not being in the store. */
  async markers(): Promise<number> {
    const sets = await this.client.keys("lockstep:p:*");
    const counts = await Promise.all(sets.map((set) => this.client.zcard(set)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Waits until journal and outbox have drained by themselves. */
  async untilSynced(): Promise<void> {
    const outbox = this.database.collection("outbox");
    const waiting = async () => ({
      markers: await this.markers(),
      events: await outbox.countDocuments({ processed: false }),
    });
    await waitUntil(
      async () => {
        const { markers, events } = await waiting();
        if (markers + events > 0) throw new Error(`${markers} markers, ${events} events`);
        return true;
      },
      // A killed process may have claimed some.
      { withinMs: 20_000, what: "journal and outbox to drain" },
    );
  }

  /** Waits until MongoDB is done with what a process that has ended had told it to do to the rows. */
  async untilRowsRest(): Promise<void> {
    const onRows = [{ ns: this.rowsNamespace }, { "command.update": this.rows.collectionName }];
    await waitUntil(
      async () => {
        const command = { currentOp: 1, active: true, $or: onRows };
        const { inprog } = await this.database.admin().command(command);
        return (inprog as readonly unknown[]).length === 0;
      },
      { withinMs: 20_000, what: "MongoDB to be done with the rows" },
    );
  }

  async start(): Promise<void> {
    const [redis, mongo] = await Promise.all([
      startRedis({
        ...this.#redisOptions,
        args: ["--databases", "100", ...(this.#redisOptions.args ?? [])],
      }),
      startMongo({ args: allowFailPoints }),
    ]);
    this.#redis = redis;
    this.#mongo = mongo;
    this.#mongoClient = new mongoose.mongo.MongoClient(mongo.uri);
    this.#fault = new FailPoint(mongo);
  }

  beginTest(): void {
    this.#tests += 1;
    this.#client = new Redis(`${this.redis.url}/${this.#tests}`);
    // Outages are what some tests are about; a command that meets one fails by itself.
    this.#client.on("error", () => undefined);
  }

  async endTest(): Promise<void> {
    if (!this.redis.isRunning) await this.redis.restart();
    await this.mongo.start();
    await this.fault.lift();
    await Promise.all(this.#opened.splice(0).map((one) => one.close()));
    this.client.disconnect();
  }

  async close(): Promise<void> {
    await Promise.all([this.#fault?.close(), this.#mongoClient?.close()]);
    await Promise.all([this.#redis?.close(), this.#mongo?.close()]);
  }

  async #keep<T extends Caller>(opening: Promise<T>): Promise<T> {
    const caller = await opening;
    this.#opened.push(caller);
    return caller;
  }
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("The servers are there only while a test runs.");
  return part;
}
