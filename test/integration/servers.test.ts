import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";

describeWith(["redis"], "the machine's own Redis", () => {
  let server: RedisServer;
  let client: Redis;

  beforeAll(async () => {
    server = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on("error", () => {});
  });

  afterAll(async () => {
    client.disconnect();
    await server.close();
  });

  it("runs away from the usual port, in a folder of its own", async () => {
    expect(server.port).not.toBe(6379);
    expect(await client.config("GET", "dir")).toEqual(["dir", server.dir]);
    expect(await client.info("server")).toContain(`process_id:${server.pid}`);
  });

  it("comes back after a restart on the same port, with what it had persisted", async () => {
    await client.set("kept", "value");

    await server.restart();

    expect(await client.get("kept")).toBe("value");
  });

  it("can be killed, and started again", async () => {
    const before = server.pid;

    await server.kill();

    expect(() => server.pid).toThrow("not running");
    await server.restart();
    expect(await client.ping()).toBe("PONG");
    expect(server.pid).not.toBe(before);
  });

  it("hangs while paused, and answers afterwards", async () => {
    await server.kill("SIGSTOP");
    let answered = false;
    const ping = client.ping().finally(() => {
      answered = true;
    });

    await server.kill("SIGCONT");

    await ping;
    expect(answered).toBe(true);
  });

  it("tells its log when it cannot start", async () => {
    const start = startRedis({ args: ["--maxmemory-policy", "nonsense"] });

    await expect(start).rejects.toThrow(/maxmemory-policy/);
  });
});

describeWith(["redis-6.2"], "the oldest supported Redis", () => {
  it("answers with version 6.2, and leaves no folder behind", async () => {
    const server = await startRedis({ version: "6.2" });
    const client = new Redis(server.url);

    const info = await client.info("server");

    client.disconnect();
    await server.close();
    expect(info).toContain("redis_version:6.2.");
    expect(existsSync(server.dir)).toBe(false);
  });
});

/** Three servers under load, one of them killed. */
const MONGOD_LIMIT_MS = 120_000;

describeWith(["mongodb"], "mongod", () => {
  let servers: MongoServers | undefined;
  let client: mongoose.mongo.MongoClient | undefined;

  async function open(replicaSet: 0 | 1 | 3) {
    servers = await startMongo({ replicaSet });
    client = new mongoose.mongo.MongoClient(servers.uriOf("test"));
    const rows = client.db().collection<{ _id: number }>("rows");
    return { servers, client, rows };
  }

  afterEach(async () => {
    await client?.close();
    await servers?.close();
  }, MONGOD_LIMIT_MS);

  it("keeps its data and port as a standalone server over a stop and a start", async () => {
    const { servers, client, rows } = await open(0);
    const hello = await client.db("admin").command({ hello: 1 });
    await rows.insertOne({ _id: 1 }, { writeConcern: { w: "majority", journal: true } });

    await servers.stop();
    expect(servers.pids).toEqual([]);
    await servers.start();

    expect(hello["setName"]).toBeUndefined();
    expect(await rows.find().toArray()).toEqual([{ _id: 1 }]);
  });

  it("has transactions and change streams as a replica set of one, also after a kill", async () => {
    const { servers, client, rows } = await open(1);
    await rows.insertOne({ _id: 1 }, { writeConcern: { w: "majority", journal: true } });

    await servers.kill("SIGKILL");
    await servers.start();

    // The first, empty answer shows that the stream is open and will not miss the insert.
    const changes = rows.watch();
    expect(await changes.tryNext()).toBeNull();
    await client.withSession((session) =>
      session.withTransaction(() => rows.insertOne({ _id: 2 }, { session })),
    );
    const change = await changes.next();
    await changes.close();
    expect(change).toMatchObject({ operationType: "insert", documentKey: { _id: 2 } });
  });

  it(
    "elects another primary of three when the first is killed",
    async () => {
      const { servers, rows } = await open(3);
      await rows.insertOne({ _id: 1 }, { writeConcern: { w: "majority" } });
      const before = await servers.primary();

      await servers.kill("SIGKILL", "primary");

      expect(await servers.primary()).not.toBe(before);
      expect(servers.pids).toHaveLength(2);
      expect(await rows.countDocuments()).toBe(1);
      await servers.start();
      expect(servers.pids).toHaveLength(3);
    },
    MONGOD_LIMIT_MS,
  );
});
