import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { MongoServerFacts } from "../../src/store/drivers/mongodb/mongo-facts.ts";
import { openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { openSqlite } from "../../src/store/drivers/sqlite/open-sqlite.ts";
import { SqliteFileFacts } from "../../src/store/drivers/sqlite/sqlite-facts.ts";
import type { StoreFactsPort } from "../../src/store/store-facts-port.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { closedAfterEach } from "./closed-after-each.ts";

interface FactsHarness {
  readonly facts: StoreFactsPort;
  /** Makes the store that the facts are about, as a start would. */
  readonly makeStore: () => Promise<StorePort>;
  /** What is there, by name: nothing where no store was made. */
  readonly contents: () => Promise<readonly string[]>;
  /** Another hand takes the index away that a stale key is found by; answers what it is called. */
  readonly dropIndex: () => Promise<string>;
  /** Raises the layout beyond what this release knows. */
  readonly makeNewer: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Every sentence of store-facts-port.ts, as a claim about one driver. */
function describeStoreFactsContract(openHarness: () => Promise<FactsHarness>): void {
  const open = closedAfterEach(openHarness);

  it("makes nothing where there is nothing, and says so", async () => {
    const { facts, contents } = await open();

    expect(await facts.gather()).toMatchObject({ storeId: undefined, missingIndexes: [] });
    expect(await contents()).toEqual([]);
  });

  it("knows a store by its id, with every index there", async () => {
    const { facts, makeStore } = await open();
    const store = await makeStore();

    expect(await facts.gather()).toMatchObject({
      kind: store.kind,
      storeId: await store.storeId(),
      missingIndexes: [],
      version: expect.stringMatching(/^\d+\.\d+/),
    });
  });

  it("misses an index that another hand has taken away, and does not bring it back", async () => {
    const { facts, makeStore, dropIndex } = await open();
    await makeStore();
    const missing = await dropIndex();

    expect(await facts.gather()).toMatchObject({ missingIndexes: [missing] });
    expect(await facts.gather()).toMatchObject({ missingIndexes: [missing] });
  });

  it("refuses a store of a newer release", async () => {
    const { facts, makeStore, makeNewer } = await open();
    await makeStore();
    await makeNewer();

    await expect(facts.gather()).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
  });
}

describe("SQLite, looked at from outside", () => {
  async function openHarness(): Promise<FactsHarness> {
    const folder = mkdtempSync(join(tmpdir(), "lockstep-facts-"));
    const file = join(folder, "not there", "lockstep.db");
    const opened: StorePort[] = [];
    const asPerson = async (sql: string) => {
      const { DatabaseSync } = await loadSqlite();
      const shell = new DatabaseSync(file);
      shell.exec(sql);
      shell.close();
    };
    return {
      facts: new SqliteFileFacts(file),
      makeStore: async () => {
        const { store } = await openSqlite({ file, clock: systemClock, random: systemRandom });
        opened.push(store);
        return store;
      },
      contents: async () => readdirSync(folder),
      dropIndex: async () => {
        await asPerson("DROP INDEX kvshadow_last_write_at");
        return "kvshadow_last_write_at";
      },
      makeNewer: () => asPerson("PRAGMA user_version = 999"),
      close: async () => {
        for (const store of opened) await store.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }

  describeStoreFactsContract(openHarness);

  it("refuses a file of another program", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lockstep-facts-"));
    const { DatabaseSync } = await loadSqlite();
    const other = new DatabaseSync(join(folder, "other.db"));
    other.exec("CREATE TABLE theirs (id INTEGER)");
    other.close();

    await expect(new SqliteFileFacts(join(folder, "other.db")).gather()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    rmSync(folder, { recursive: true, force: true });
  });
});

describeWith(["mongodb"], "MongoDB, looked at from outside", () => {
  let servers: MongoServers;
  let client: mongoose.mongo.MongoClient;
  let made = 0;

  beforeAll(async () => {
    servers = await startMongo();
    client = new mongoose.mongo.MongoClient(servers.uri);
  });

  afterAll(async () => {
    await client.close();
    await servers.close();
  });

  async function openHarness(): Promise<FactsHarness> {
    const name = `facts-${(made += 1)}`;
    const uri = servers.uriOf(name);
    const database = client.db(name);
    const opened: StorePort[] = [];
    return {
      facts: new MongoServerFacts({ uri, clock: systemClock }),
      makeStore: async () => {
        const parts = { uri, clock: systemClock, random: systemRandom, log: silentLog };
        const { store } = openMongo(parts);
        opened.push(store);
        await store.storeId();
        return store;
      },
      contents: async () => (await database.listCollections().toArray()).map((one) => one.name),
      dropIndex: async () => {
        await database.collection("kvshadow").dropIndex("lastWriteAt_1");
        return 'kvshadow: {"lastWriteAt":1}';
      },
      makeNewer: async () => {
        const state = database.collection<{ _id: string }>("lockstep_state");
        await state.updateOne({ _id: "store" }, { $set: { schemaVersion: 999 } });
      },
      close: async () => {
        for (const store of opened) await store.close();
        await database.dropDatabase();
      },
    };
  }

  describeStoreFactsContract(openHarness);

  it("is a replica set or not, and its clock is near ours on the same machine", async () => {
    const facts = await new MongoServerFacts({ uri: servers.uri, clock: systemClock }).gather();

    expect(facts).toMatchObject({ topology: "standalone", refusedActions: [] });
    expect(Math.abs(facts.clock.aheadMs) - facts.clock.uncertainMs).toBeLessThan(1_000);
  });

  it("is a failure of the store where nobody listens", async () => {
    const facts = new MongoServerFacts({ uri: "mongodb://127.0.0.1:1/x", clock: systemClock });

    await expect(facts.gather()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
