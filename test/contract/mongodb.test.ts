import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { describeBucketStatesContract } from "./bucket-states-contract.ts";
import { entryOf } from "./entries.ts";
import { describeOutboxContract } from "./outbox-contract.ts";
import { describePurgeContract } from "./purge-contract.ts";
import { describeRecordsContract } from "./records-contract.ts";
import { describeSettingsContract } from "./settings-contract.ts";
import { describeStatementLifeContract } from "./statement-life-contract.ts";
import { describeStoreAuthorityContract } from "./store-authority-contract.ts";
import { describeStoreContract } from "./store-contract.ts";
import type { StoreHarness } from "./store-harness.ts";

const kinds = [
  { name: "MongoDB, standalone", replicaSet: 0 },
  { name: "MongoDB, a replica set of one", replicaSet: 1 },
] as const;

for (const { name, replicaSet } of kinds) {
  describeWith(["mongodb"], name, () => {
    let servers: MongoServers;
    let emptier: mongoose.mongo.MongoClient;
    // Making collections and indexes takes longer than most tests, so databases are used again.
    const free: string[] = [];
    let made = 0;

    beforeAll(async () => {
      servers = await startMongo({ replicaSet });
      emptier = new mongoose.mongo.MongoClient(servers.uri);
    });

    afterAll(async () => {
      await emptier.close();
      await servers.close();
    });

    /** All but the store's id, which is for ever. */
    async function empty(database: string): Promise<void> {
      for (const collection of await emptier.db(database).collections()) {
        await collection.deleteMany({ storeId: { $exists: false } });
      }
    }

    const hasRule = new Set<string>();
    async function setRule(database: string, validator: mongoose.mongo.Document): Promise<void> {
      hasRule.add(database);
      await emptier.db(database).command({ collMod: "kvshadow", validator });
    }

    async function countQueries(): Promise<number> {
      const { opcounters } = await emptier.db("admin").command({ serverStatus: 1 });
      return Number(opcounters.query);
    }

    async function countCommits(): Promise<number> {
      const { metrics } = await emptier.db("admin").command({ serverStatus: 1 });
      return Number(metrics.commands.insert.total);
    }

    async function openHarness(): Promise<StoreHarness> {
      const database = free.pop() ?? `contract-${(made += 1)}`;
      const uri = servers.uriOf(database);
      const opened: StoreHarness["store"][] = [];
      const open = () => {
        const connection = openMongo({
          uri,
          clock: systemClock,
          random: systemRandom,
          log: silentLog,
        });
        opened.push(connection.store);
        return connection;
      };
      return {
        ...open(),
        nowMs: () => systemClock.nowMs(),
        // Leases run on the server's clock, which no test can move.
        elapse: (ms) => delay(ms),
        openAnother: async () => open(),
        forbid: async (key) => {
          await setRule(database, { _id: { $ne: key } });
        },
        close: async () => {
          for (const store of opened) await store.close();
          await empty(database);
          if (hasRule.delete(database)) await setRule(database, {});
          free.push(database);
        },
      };
    }

    it("reads keys that are asked for one by one at the same time together", async () => {
      const { store, outbox, close } = await openHarness();
      await store.applyNewer([entryOf({ key: "key 7" })], "ASYNC_THREAD");
      await outbox.append([entryOf({ key: "key 8" })]);
      const keys = Array.from({ length: 100 }, (_, at) => `key ${at}`);
      const before = await countQueries();

      const [rows, events] = await Promise.all([
        Promise.all(keys.map((key) => store.get(key))),
        Promise.all(keys.map((key) => outbox.unprocessedOf([key]))),
      ]);
      const queries = (await countQueries()) - before;

      expect(queries).toBeLessThanOrEqual(10);
      expect(rows.flatMap((row) => row?.key ?? [])).toEqual(["key 7"]);
      expect(events.flatMap((ofKey) => [...ofKey.keys()])).toEqual(["key 8"]);
      await close();
    });

    it("appends events that come one by one at the same time together", async () => {
      const { outbox, close } = await openHarness();
      const entries = Array.from({ length: 100 }, (_, at) => entryOf({ key: `key ${at}` }));
      const before = await countCommits();

      await Promise.all(entries.map((entry) => outbox.append([entry])));
      const commits = (await countCommits()) - before;

      expect(commits).toBeLessThanOrEqual(10);
      expect(await outbox.countUnprocessed()).toBe(100);
      await close();
    });

    it("appends those that are in time although one in their company is too late", async () => {
      const { outbox, close } = await openHarness();
      const tooLate = { begunMonotonicMs: systemClock.monotonicMs() - 700_000, begunWallMs: 0 };

      const appended = await Promise.allSettled([
        outbox.append([entryOf({ key: "first" })]),
        outbox.append([entryOf({ key: "second" })]),
        outbox.append([entryOf({ key: "in time" })]),
        outbox.append([entryOf({ key: "too late" })], tooLate),
      ]);

      expect(appended.map(({ status }) => status)).toEqual([
        "fulfilled",
        "fulfilled",
        "fulfilled",
        "rejected",
      ]);
      expect(appended.at(-1)).toMatchObject({ reason: { code: "WRITE_EXPIRED" } });
      expect((await outbox.unprocessedOf(["in time", "too late"])).has("too late")).toBe(false);
      expect(await outbox.countUnprocessed()).toBe(3);
      await close();
    });

    describeStoreContract(name, openHarness);
    describeOutboxContract(name, openHarness);
    describeSettingsContract(name, openHarness);
    describeBucketStatesContract(name, openHarness);
    describePurgeContract(name, openHarness);
    describeRecordsContract(name, openHarness);
    describeStatementLifeContract(name, openHarness);
    describeStoreAuthorityContract(name, openHarness, { eventPath: false, changeStamp: false });
  });
}
