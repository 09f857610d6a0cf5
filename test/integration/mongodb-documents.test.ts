import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { writtenAtMs } from "../../src/model/version.ts";
import { type OpenedMongo, openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { entryOf, tombstoneOf, versionNo } from "../contract/entries.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { waitUntil } from "../support/wait-until.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

describeWith(["mongodb"], "what people find in MongoDB", () => {
  let servers: MongoServers;
  let client: mongoose.mongo.MongoClient;
  let database: mongoose.mongo.Db;
  let opened: OpenedMongo[];

  beforeAll(async () => {
    servers = await startMongo({ replicaSet: 1 });
    client = new mongoose.mongo.MongoClient(servers.uri);
  });

  beforeEach(() => {
    database = client.db(`documents-${systemRandom.hex(4)}`);
    opened = [];
  });

  afterEach(async () => {
    for (const { store } of opened) await store.close();
    await database.dropDatabase();
  });

  afterAll(async () => {
    await client.close();
    await servers.close();
  });

  function open({ retentionMs = DAY_MS } = {}): OpenedMongo {
    const uri = servers.uriOf(database.databaseName);
    const one = openMongo({
      uri,
      retentionMs,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    opened.push(one);
    return one;
  }

  const rows = () => database.collection<{ _id: string }>("kvshadow");

  it("makes the indexes with the first call, and only those of the outbox expire", async () => {
    await open().store.ping();

    expect(await indexesOf("kvshadow")).toEqual([
      { key: { _id: 1 } },
      { key: { bucket: 1, version: 1 } },
      { key: { lastWriteAt: 1 } },
      { key: { purgeAt: 1 } },
    ]);
    expect(await indexesOf("outbox")).toEqual([
      { key: { _id: 1 } },
      { key: { "payload.bucket": 1, "payload.version": 1 } },
      { key: { "payload.key": 1 }, partialFilterExpression: { processed: false } },
      { key: { processed: 1, ts: 1 } },
      { key: { processedAt: 1 }, expireAfterSeconds: DAY_MS / 1000 },
      {
        key: { state: 1, _id: 1 },
        partialFilterExpression: { processed: false, state: "dead" },
      },
    ]);
  });

  it("follows a changed retention time", async () => {
    await open().store.ping();

    await open({ retentionMs: 5_000 }).store.ping();

    expect(await indexesOf("outbox")).toContainEqual({
      key: { processedAt: 1 },
      expireAfterSeconds: 5,
    });
  });

  it("keeps a live row as documented", async () => {
    const entry = entryOf({ expiresAtMs: Date.UTC(2030, 0, 1), sessionId: "session" });

    await open().store.applyNewer([entry], "EVENT_BASED");

    expect(await rows().findOne({ _id: "user:1" })).toEqual({
      _id: "user:1",
      lastValue: "a value",
      valueHash: entry.hash,
      version: entry.version,
      bucket: bucketOf("user:1"),
      lastWriteAt: new Date(writtenAtMs(entry.version)),
      expiresAt: new Date(Date.UTC(2030, 0, 1)),
      deleted: false,
      purgeAt: new Date(Date.UTC(2030, 0, 1) + DAY_MS),
      sessionId: "session",
      interactionId: null,
      metadata: { syncMethod: "EVENT_BASED", syncTimestamp: expect.any(Date) },
    });
  });

  it("keeps a tombstone as documented", async () => {
    const tombstone = tombstoneOf();

    await open().store.applyNewer([tombstone], "ASYNC_THREAD");

    expect(await rows().findOne({ _id: "user:1" })).toMatchObject({
      lastValue: null,
      valueHash: "",
      deleted: true,
      expiresAt: null,
      purgeAt: new Date(writtenAtMs(tombstone.version) + DAY_MS),
    });
  });

  it("shows what waits in the outbox, and when it was processed", async () => {
    const { outbox } = open();
    const entry = entryOf({ interactionId: "interaction" });
    await outbox.append([entry]);

    const waiting = await database.collection("outbox").find({ processed: false }).toArray();

    expect(waiting).toEqual([
      {
        _id: expect.anything(),
        type: "KVMutated",
        ts: expect.any(Date),
        payload: {
          op: "set",
          key: "user:1",
          bucket: bucketOf("user:1"),
          value: "a value",
          version: entry.version,
          hash: entry.hash,
          expiresAt: null,
          sessionId: null,
          interactionId: "interaction",
        },
        processed: false,
        attempts: 0,
        leaseUntil: null,
        owner: null,
        claim: null,
        processedAt: null,
        state: "waiting",
      },
    ]);
    const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 60_000 });
    await outbox.markProcessed([event!.id]);
    expect(await database.collection("outbox").findOne()).toMatchObject({
      processed: true,
      state: "done",
      owner: null,
      processedAt: expect.any(Date),
    });
  });

  it("does not touch a row on a stale write, nor its metadata", async () => {
    const { store } = open();
    await store.applyNewer([entryOf({ version: versionNo(2) })], "ASYNC_THREAD");
    const before = await rows().findOne();

    await store.applyNewer([entryOf({ version: versionNo(1) })], "EVENT_BASED");

    expect(await rows().findOne()).toEqual(before);
  });

  it.each([
    ["missing", undefined],
    ["null", null],
    ["a number", 7],
    ["a date", new Date(0)],
    ["a list", ["00000009"]],
    ["text", "zzz"],
    ["a version and more", `${versionNo(9)}9`],
  ])("overwrites a row whose version another hand made %s", async (_name, version) => {
    const { store, authority } = open();
    const keys = ["applied", "written"];
    await store.applyNewer(
      keys.map((key) => entryOf({ key })),
      "ASYNC_THREAD",
    );
    const edit = version === undefined ? { $unset: { version: 1 } } : { $set: { version } };
    await database.collection("kvshadow").updateMany({}, edit);

    const applied = await store.applyNewer([entryOf({ key: "applied" })], "ASYNC_THREAD");
    const seen = (await authority.current("written"))!.entry.version;
    const written = await authority.write(
      { op: "delete", key: "written", sessionId: null, interactionId: null },
      { to: "shadow", guard: { version: seen } },
    );

    expect(applied.get("applied")).toBe(versionNo(1));
    expect((await store.get("applied"))?.version).toBe(versionNo(1));
    expect(written.outcome).toBe("written");
  });

  it("reads rows and pages that another hand has edited, without failing", async () => {
    const { store } = open();
    await store.applyNewer(
      ["a", "b", "c"].map((key) => entryOf({ key })),
      "ASYNC_THREAD",
    );
    await rows().updateOne({ _id: "a" }, { $set: { lastValue: { edited: true } } });
    await rows().updateOne({ _id: "b" }, { $unset: { valueHash: 1, metadata: 1 } });
    await rows().insertOne({ _id: "d" });
    await database.collection<{ _id: number }>("kvshadow").insertOne({ _id: 5 });

    const page = await store.scan({ limit: 10 });

    expect(page.map((row) => [row.key, row.value])).toEqual([
      ["a", '{"edited":true}'],
      ["b", "a value"],
      ["c", "a value"],
      ["d", null],
    ]);
    expect(page[1]?.hash).toBe("");
    expect((await store.get("a"))?.value).toBe('{"edited":true}');
    expect([...(await store.getMany(["a", "d"])).keys()].toSorted()).toEqual(["a", "d"]);
    await expect(
      store.staleEntries({ beforeMs: systemClock.nowMs(), limit: 10 }),
    ).resolves.toMatchObject({ count: 3 });
  });

  it("shows text that is not UTF-8 with replacement characters", async () => {
    const { store } = open();
    await store.ping();
    const command = mongoose.mongo.BSON.serialize({
      insert: "kvshadow",
      documents: [{ _id: "user:1", lastValue: "abc" }],
      $db: database.databaseName,
    });
    command[Buffer.from(command).indexOf("abc")] = 0xff;
    await sendRaw(command);

    const row = await waitUntil(() => store.get("user:1"), { what: "the row" });

    expect(row.value).toBe("\ufffdbc");
    expect(await store.scan({ limit: 10 })).toEqual([row]);
  });

  it("sets events aside that cannot be read, and hands out the others", async () => {
    const { outbox } = open();
    await outbox.append([entryOf({ key: "a" })]);
    const byHand = { type: "KVMutated", processed: false, ts: new Date(0) };
    await database.collection<{ _id: unknown; payload?: object }>("outbox").insertMany([
      { ...byHand, _id: "by hand" },
      { ...byHand, _id: new mongoose.mongo.ObjectId(), payload: { key: "a", value: 5 } },
    ]);

    const events = await outbox.claim({ owner: "one", limit: 1, leaseMs: 60_000 });
    const ofKey = (await outbox.unprocessedOf(["a"])).get("a");

    expect(events.map((event) => event.entry.key)).toEqual(["a"]);
    expect(ofKey).toHaveLength(1);
    expect(await database.collection("outbox").countDocuments({ state: "dead" })).toBe(2);
    expect(await outbox.countUnprocessed()).toBe(3);
  });

  it("lists what cannot be read page by page, whatever its id is, and tries it again once it is mended", async () => {
    const { outbox } = open();
    const byHand = { type: "KVMutated", processed: false, ts: new Date(0), state: "waiting" };
    const collection = database.collection<{ _id: unknown; payload?: object }>("outbox");
    await collection.insertMany([
      { ...byHand, _id: "$by hand" },
      { ...byHand, _id: 7 },
    ]);
    await outbox.append([entryOf()]);
    const events = await outbox.claim({ owner: "one", limit: 10, leaseMs: 60_000 });
    await outbox.park([events[0]!.id], "refused");

    const seen: (string | null)[][] = [];
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; ) {
      first = false;
      const page = await outbox.deadLetters({
        limit: 1,
        ...(cursor === undefined ? {} : { cursor }),
      });
      seen.push(...page.letters.map(({ id, key }) => [id, key]));
      cursor = page.cursor;
    }

    expect(seen).toEqual([
      ["7", null],
      ["$by hand", null],
      [events[0]!.id, "user:1"],
    ]);
    expect(await outbox.replay({ limit: 10 })).toBe(3);
    expect(await collection.countDocuments({ state: "waiting" })).toBe(3);
  });

  it("keeps parked events when processed ones go, with what people want to know", async () => {
    const { outbox } = open();
    await outbox.append([entryOf()]);
    const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 60_000 });

    await outbox.park([event!.id], "refused");

    // The index that removes events counts from processedAt, and leaves out documents without a date there.
    expect(await database.collection("outbox").findOne()).toMatchObject({
      processed: false,
      processedAt: null,
      state: "dead",
      cause: "refused",
      deadAt: expect.any(Date),
      owner: null,
      leaseUntil: null,
    });
  });

  it("gives the store one id, whoever comes first", async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, async () => open().store.storeId()));

    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("leaves a store of a newer release alone", async () => {
    await open().store.ping();
    await database
      .collection<{ _id: string }>("lockstep_state")
      .updateOne({ _id: "store" }, { $set: { schemaVersion: 99 } });

    const { store } = open();

    await expect(store.ping()).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
    await expect(store.applyNewer([entryOf()], "ASYNC_THREAD")).rejects.toMatchObject({
      code: "SCHEMA_TOO_NEW",
    });
    expect(await rows().countDocuments()).toBe(0);
  });

  it("keeps the guarantees whatever the connection string says", async () => {
    const weak = `${servers.uriOf(database.databaseName)}&w=0&journal=false&readConcernLevel=local&readPreference=secondary`;
    const one = openMongo({ uri: weak, clock: systemClock, random: systemRandom, log: silentLog });
    opened.push(one);

    const versions = await one.store.applyNewer([entryOf()], "ASYNC_THREAD");

    // With w=0 the server would not have told how many rows changed.
    expect(versions.get("user:1")).toBe(versionNo(1));
    expect(await one.store.get("user:1")).toMatchObject({ value: "a value" });
  });

  it("mints above the key's unprocessed events, and judges the guard with them", async () => {
    const { authority, outbox } = open();
    const event = entryOf({ version: versionNo(0, 7) });
    await outbox.append([event]);
    const remove = { op: "delete", key: "user:1", sessionId: null, interactionId: null } as const;

    const refused = await authority.write(remove, { to: "shadow", guard: { version: null } });
    const written = await authority.write(remove, {
      to: "shadow",
      guard: { version: event.version },
    });

    expect(refused).toEqual({ outcome: "moved", version: event.version });
    expect(written).toMatchObject({ outcome: "written", existed: true });
    const current = await authority.current("user:1");
    expect(current).toMatchObject({ from: "shadow", entry: { value: null } });
    expect(current!.entry.version > event.version).toBe(true);
  });

  it("lets two connections race for new keys without an error", async () => {
    const stores = [open().store, open().store];
    const entries = (round: number) =>
      Array.from({ length: 300 }, (_, at) => entryOf({ key: `k${at}`, version: versionNo(round) }));

    const told = await Promise.all(
      [3, 1, 4, 2, 6, 5].map((round, at) =>
        stores[at % 2]!.applyNewer(entries(round), "ASYNC_THREAD"),
      ),
    );

    expect(told).toHaveLength(6);
    const found = await stores[0]!.scan({ limit: 1_000 });
    expect(found).toHaveLength(300);
    expect(new Set(found.map((row) => row.version))).toEqual(new Set([versionNo(6)]));
  });

  /** The driver encodes text itself and always well, so this speaks to the server without it: one OP_MSG. */
  async function sendRaw(command: Uint8Array): Promise<void> {
    const header = Buffer.alloc(21);
    header.writeInt32LE(header.length + command.length, 0);
    header.writeInt32LE(2013, 12);
    const socket = connect(Number(/:(\d+)/.exec(await servers.primary())?.[1]), "127.0.0.1");
    socket.write(Buffer.concat([header, command]));
    await once(socket, "data");
    socket.destroy();
  }

  async function indexesOf(collection: string) {
    const indexes = await database.collection(collection).indexes();
    return indexes
      .map(({ v: _v, name: _name, ...rest }) => rest)
      .toSorted((one, other) => (JSON.stringify(one.key) < JSON.stringify(other.key) ? -1 : 1));
  }
});
