import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import mongoose from "mongoose";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { type OpenedMongo, openMongo } from "../../../src/store/drivers/mongodb/open-mongo.ts";
import { allowFailPoints, FailPoint } from "./fail-point.ts";
import type { MongoServers } from "./mongo-servers.ts";
import { startMongo } from "./start-mongo.ts";

/** What a test of {@link useMongoStore} works with; there only while it runs. */
export interface MongoStoreBench {
  /** Makes MongoDB's answers to the stores slow or failures; lifted after each test. */
  readonly fault: FailPoint;
  /** Another program on the same database. */
  readonly database: mongoose.mongo.Db;
  /** The store as one process opens it; closed after the test. */
  open(clock?: Clock): OpenedMongo;
}

/** A replica set of one for the suite around it, and for each test a database of its own. */
export function useMongoStore(): MongoStoreBench {
  let servers: MongoServers;
  let client: mongoose.mongo.MongoClient;
  let fault: FailPoint;
  let database: mongoose.mongo.Db;
  let opened: OpenedMongo[];

  beforeAll(async () => {
    servers = await startMongo({ replicaSet: 1, args: allowFailPoints });
    client = new mongoose.mongo.MongoClient(servers.uri);
    fault = new FailPoint(servers);
  });

  beforeEach(() => {
    database = client.db(`test-${systemRandom.hex(4)}`);
    opened = [];
  });

  afterEach(async () => {
    await fault.lift();
    for (const { store } of opened) await store.close();
    await database.dropDatabase();
  });

  afterAll(async () => {
    await fault.close();
    await client.close();
    await servers.close();
  });

  return {
    get fault() {
      return fault;
    },
    get database() {
      return database;
    },
    open(clock = systemClock) {
      const uri = servers.uriOf(database.databaseName);
      const mongo = openMongo({ uri, clock, random: systemRandom, log: silentLog });
      opened.push(mongo);
      return mongo;
    },
  };
}
