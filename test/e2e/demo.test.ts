import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const demo = join(import.meta.dirname, "../../dist/scripts/demo/main.js");
const limitMs = 90_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-test-demo-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("npm run demo on the embedded default", () => {
  it(
    "names both changes, repairs them and leaves no file",
    async () => {
      const { code, output } = await ended(startDemo());

      expect(output).toMatch(/^1 write +2,\d{3} keys/m);
      expect(output).toMatch(/^2 verify +HEALTHY/m);
      expect(output).toMatch(/^4 verify +ISSUES_DETECTED/m);
      expect(output).toMatch(/media-type:image\/png: diverged/);
      expect(output).toMatch(/media-type:text\/csv: changed_outside/);
      expect(output.match(/follow_cache in [\d.]+ ms/g)).toHaveLength(2);
      expect(output).toMatch(/^6 verify +HEALTHY/m);
      expect(code).toBe(0);
      expect(await readdir(folder)).toEqual([]);
    },
    limitMs,
  );
});

describeWith(["redis", "mongodb"], "npm run demo on real servers", () => {
  let redis: RedisServer;
  let mongo: MongoServers;
  let cache: Redis;
  let store: mongoose.mongo.MongoClient;

  beforeAll(async () => {
    redis = await startRedis();
    mongo = await startMongo();
    cache = new Redis(redis.url);
    store = new mongoose.mongo.MongoClient(mongo.uri);
  });

  afterAll(async () => {
    cache.disconnect();
    await store.close();
    await mongo.close();
    await redis.close();
  });

  beforeEach(async () => {
    await cache.flushall();
    await cache.set("demo:of-someone-else", "kept");
    await store.db("lockstep").dropDatabase();
    await store.db("lockstep").collection("notes").insertOne({ text: "kept" });
  });

  function onServers() {
    return { REDIS_URL: redis.url, MONGODB_URI: mongo.uriOf("lockstep") };
  }

  async function whatIsThere() {
    const collections = await store.db("lockstep").listCollections().toArray();
    return { keys: await cache.keys("*"), collections: collections.map(({ name }) => name) };
  }

  const onlyWhatWasThere = { keys: ["demo:of-someone-else"], collections: ["notes"] };

  it(
    "ends as expected and leaves only what it found there",
    async () => {
      const { code, output } = await ended(startDemo(onServers()));

      expect(output).toMatch(/^6 verify +HEALTHY/m);
      expect(code).toBe(0);
      expect(await whatIsThere()).toEqual(onlyWhatWasThere);
    },
    limitMs,
  );

  it(
    "cleans up when it is interrupted in the middle of its writes",
    async () => {
      const running = startDemo(onServers());
      const end = ended(running);
      await waitUntil(async () => (await cache.dbsize()) > 500, { withinMs: 30_000 });

      running.kill("SIGINT");

      expect(await end).toMatchObject({ code: 130 });
      expect(await whatIsThere()).toEqual(onlyWhatWasThere);
    },
    limitMs,
  );

  it(
    "refuses to begin where one of its keys stands, and leaves it alone",
    async () => {
      await cache.set("demo:media-type:text/csv", "mine");

      const { code, output } = await ended(startDemo(onServers()));

      expect(output).toMatch(/keys under demo:media-type: already/);
      expect(code).toBe(2);
      expect(await cache.get("demo:media-type:text/csv")).toBe("mine");
      expect(await cache.dbsize()).toBe(2);
    },
    limitMs,
  );

  it(
    "removes with --clean what a killed run has left in Redis",
    async () => {
      const running = startDemo(onServers());
      const end = ended(running);
      await waitUntil(async () => (await cache.dbsize()) > 500, { withinMs: 30_000 });
      running.kill("SIGKILL");
      await end;

      const { code } = await ended(startDemo(onServers(), ["--clean"]));

      expect(code).toBe(0);
      expect(await cache.keys("*")).toEqual(["demo:of-someone-else"]);
      expect(await store.db("lockstep").collection("kvshadow").countDocuments()).toBe(0);
    },
    limitMs,
  );
});

function startDemo(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
  return spawn(process.execPath, [demo, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], TMPDIR: folder, ...env },
  });
}

async function ended(running: ChildProcess & ReturnType<typeof startDemo>) {
  const [output, errors, [code]] = await Promise.all([
    text(running.stdout),
    text(running.stderr),
    once(running, "exit") as Promise<[number | null]>,
  ]);
  return { code, output: output + errors };
}
