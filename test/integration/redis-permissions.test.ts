import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { Redis } from "ioredis";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import { observeOne, STORE_ID } from "../contract/cache-authority/harness.ts";
import { writeClean, writeEntry } from "../contract/cache-authority/steps.ts";
import { setOf } from "../contract/commands.ts";
import { openCache } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `What ${name} allows and how it is set up`, () => {
    const closers: (() => Promise<void>)[] = [];
    beforeEach(() => {
      // The client's own word on an INFO that is not allowed.
      jest.spyOn(console, "warn").mockImplementation(() => undefined);
    });
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
      jest.restoreAllMocks();
    });

    const start = async (...args: string[]): Promise<RedisServer> => {
      const server = await startRedis({ version, args });
      closers.push(() => server.close());
      return server;
    };
    const openAt = (url: string): RedisCache => {
      const cache = openCache(url, { commandTimeoutMs: 2000 });
      closers.push(() => cache.close());
      return cache;
    };
    const bindAt = async (url: string): Promise<RedisCache> => {
      const cache = openAt(url);
      await cache.bindStore(STORE_ID);
      return cache;
    };
    const allow = async (server: RedisServer, ...rights: string[]): Promise<string> => {
      const operator = new Redis(server.url);
      await operator.call("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "&*", "+@all", ...rights);
      operator.disconnect();
      return server.url.replace("redis://", "redis://app:s3cret@");
    };

    it.each([
      [[], "none"],
      [["--appendonly", "yes"], "aof-everysec"],
      [["--appendonly", "yes", "--appendfsync", "always"], "aof-always"],
      [["--appendonly", "yes", "--appendfsync", "no"], "aof-no"],
    ] as const)("with %j, unsynced writes are kept by: %s", async (args, persistence) => {
      const server = await start(
        ...args,
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "volatile-ttl",
      );
      const cache = await bindAt(server.url);

      expect(cache.policy).toEqual({
        maxmemoryPolicy: "volatile-ttl",
        maxmemoryBytes: 100 * 1024 * 1024,
        pinned: true,
        persistence,
        serverVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        showsIncarnation: true,
        evictedKeys: 0,
      });
    });

    it("sees snapshots that an operator turned on, when it looks again", async () => {
      const server = await start();
      const cache = await bindAt(server.url);
      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      await operator.config("SET", "save", "3600 1");

      expect(await cache.refreshPolicy()).toMatchObject({ persistence: "rdb" });
    });

    it("knows the policy, and not the persistence, where CONFIG is forbidden", async () => {
      const server = await start();
      const cache = await bindAt(await allow(server, "-config"));

      expect(cache.policy).toMatchObject({
        maxmemoryPolicy: "noeviction",
        pinned: true,
        persistence: "unknown",
      });
      const entry = await writeClean(cache);
      expect(await cache.provesRemoval("user:1", entry.version)).toBe(true);
    });

    it("knows the same where CONFIG was renamed away", async () => {
      const server = await start("--rename-command", "CONFIG", "");
      const cache = await bindAt(server.url);

      expect(cache.policy).toMatchObject({ pinned: true, persistence: "unknown" });
      await writeClean(cache);
    });

    it("trusts nothing to the cache alone, and works, where INFO is forbidden as well", async () => {
      const server = await start();
      const cache = await bindAt(await allow(server, "-@dangerous"));

      expect(cache.policy).toMatchObject({
        maxmemoryPolicy: "unknown",
        pinned: false,
        persistence: "unknown",
      });
      const written = await cache.write(setOf());
      expect(written).toMatchObject({ outcome: "written", pinned: false });
      if (written.outcome !== "written") throw new Error("The write was refused.");
      expect(await cache.settle("user:1", written.entry.version)).toBe("clean");
      expect((await observeOne(cache)).value?.text).toBe("new");
      expect(await cache.provesRemoval("user:1", written.entry.version)).toBe(false);
      expect(await cache.memoryBytes()).toBe(0);
      expect(await cache.measure()).toMatchObject({
        usedBytes: undefined,
        heldBytes: undefined,
        pendingKeys: 0,
      });
      expect((await cache.scan({ limit: 1000 })).keys).toEqual(["user:1"]);
    });

    it("leaves no value behind where its marker cannot be set", async () => {
      const server = await start();
      const cache = await bindAt(await allow(server, "-zadd"));

      // Redis does not roll back what a script has done before the step that fails.
      await expect(cache.write(setOf())).rejects.toMatchObject({ code: expect.any(String) });

      const operator = new Redis(server.url);
      expect(await operator.get("user:1")).toBeNull();
      operator.disconnect();
    });

    it("names a refused password without telling it", async () => {
      const server = await start("--requirepass", "right");
      const cache = openAt(server.url.replace("redis://", "redis://:wr0ng@"));

      const refused = (await cache.bindStore(STORE_ID).catch((error: unknown) => error)) as Error;

      expect(refused).toMatchObject({ code: "CACHE_UNAVAILABLE" });
      expect(refused.message).toContain("WRONGPASS");
      expect(refused.message).not.toContain("wr0ng");
    });

    it("names the cause for which there is no connection", async () => {
      const server = await start();
      await server.stop();
      const cache = openAt(server.url);

      for (const call of [() => cache.bindStore(STORE_ID), () => cache.ping()]) {
        await expect(call()).rejects.toMatchObject({
          code: "CACHE_UNAVAILABLE",
          message: expect.stringContaining(`ECONNREFUSED 127.0.0.1:${server.port}`),
        });
      }
    });

    it("keeps to the database number of its URL", async () => {
      const server = await start();
      const inThree = await bindAt(`${server.url}/3`);
      await writeEntry(inThree, { value: "in three" });
      const inZero = await bindAt(server.url);

      expect((await observeOne(inZero)).value).toBeUndefined();
      const operator = new Redis(`${server.url}/3`);
      closers.push(async () => operator.disconnect());
      expect(await operator.get("user:1")).toBe("in three");
    });

    it("refuses a database number that the server lacks, rather than writing to another", async () => {
      const server = await start();
      const cache = openAt(`${server.url}/99`);

      await expect(cache.bindStore(STORE_ID)).rejects.toMatchObject({
        code: "CACHE_UNAVAILABLE",
        message: expect.stringContaining("DB index is out of range"),
      });
      await expect(cache.bindStore(STORE_ID)).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });

      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      expect(await operator.dbsize()).toBe(0);
    });

    it("proves nothing once its counters were seen to be reset", async () => {
      const server = await start();
      const cache = await bindAt(server.url);
      const { version: written } = await writeClean(cache);
      expect(await cache.provesRemoval("user:1", written)).toBe(true);
      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      await operator.config("RESETSTAT");

      expect(await cache.provesRemoval("user:1", written)).toBe(false);
      expect(await cache.provesRemoval("user:1", written)).toBe(false);
    });

    it("proves nothing after an eviction, also once the policy has become strict", async () => {
      const server = await start("--maxmemory-policy", "volatile-lru");
      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      const cache = await bindAt(server.url);
      const { version: written } = await writeClean(cache);
      await operator.config("SET", "maxmemory", "1");
      await operator.get("anything");
      await expect(operator.set("more", "value")).rejects.toThrow("OOM");
      await operator.config("SET", "maxmemory", "0");
      await operator.config("SET", "maxmemory-policy", "noeviction");

      const late = await bindAt(server.url);

      expect((await observeOne(late)).value).toBeUndefined();
      expect(await late.provesRemoval("user:1", written)).toBe(false);
    });
  });
}
