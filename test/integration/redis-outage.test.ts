import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { seqOf } from "../../src/model/version.ts";
import { observeOne, STORE_ID } from "../contract/cache-authority/harness.ts";
import { writeClean, writeEntry } from "../contract/cache-authority/steps.ts";
import { setOf } from "../contract/commands.ts";
import { openCache } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const COMMAND_TIMEOUT_MS = 400;

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `An outage of ${name}`, () => {
    const closers: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
    });

    const start = async (...args: string[]): Promise<RedisServer> => {
      const server = await startRedis({ version, args });
      closers.push(() => server.close());
      return server;
    };
    const openOn = (server: RedisServer): RedisCache => {
      const cache = openCache(server.url, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
      closers.push(() => cache.close());
      return cache;
    };
    const bindOn = async (server: RedisServer): Promise<RedisCache> => {
      const cache = openOn(server);
      await cache.bindStore(STORE_ID);
      return cache;
    };

    it("is told by every call, and is over without a new client once the server is back", async () => {
      const server = await start();
      const cache = await bindOn(server);
      await writeEntry(cache);
      await server.kill();

      await waitUntil(async () => (await codeOf(cache.write(setOf()))) === "CACHE_UNAVAILABLE");
      for (const call of [
        () => cache.ping(),
        () => cache.observe(["user:1"]),
        () => cache.scan({ limit: 10 }),
        () => cache.countPending(0),
        () => cache.refreshPolicy(),
        () => cache.bindStore(STORE_ID),
        () => cache.acknowledge([{ key: "user:1", version: "0".repeat(24) }]),
      ]) {
        expect(await codeOf(call())).toBe("CACHE_UNAVAILABLE");
      }

      await server.restart();
      const entry = await waitUntil(() => writeEntry(cache));
      expect((await observeOne(cache)).meta?.version).toBe(entry.version);
    });

    it("keeps no write back to send it later", async () => {
      const server = await start();
      const cache = await bindOn(server);
      await server.kill();
      await waitUntil(async () => (await codeOf(cache.ping())) === "CACHE_UNAVAILABLE");

      expect(await codeOf(cache.write(setOf()))).toBe("CACHE_UNAVAILABLE");
      await server.restart();
      await waitUntil(() => cache.ping().then(() => true));

      expect(await observeOne(cache)).toMatchObject({ value: undefined, meta: undefined });
    });

    it("leaves values, markers and versions as they were where the server keeps them on disk", async () => {
      const server = await start("--appendonly", "yes", "--appendfsync", "always");
      const cache = await bindOn(server);
      const clean = await writeClean(cache, { key: "clean" });
      const pending = await writeEntry(cache, { key: "pending", sessionId: "session" });

      await server.restart();
      await waitUntil(() => cache.ping().then(() => true));

      const [first, second] = await cache.observe(["clean", "pending"]);
      expect(first).toMatchObject({ value: { text: "new" }, meta: { version: clean.version } });
      expect(first?.markerSeq).toBeUndefined();
      expect(second).toMatchObject({
        meta: { version: pending.version, sessionId: "session" },
        markerSeq: seqOf(pending.version),
      });
      expect((await writeEntry(cache)).version > pending.version).toBe(true);
    });

    it("ends what an earlier run could prove: nobody knows what that one evicted", async () => {
      const server = await start("--appendonly", "yes", "--appendfsync", "always");
      const cache = await bindOn(server);
      const { version: written } = await writeClean(cache);
      expect(await cache.provesRemoval("user:1", written)).toBe(true);

      await server.restart();
      await waitUntil(() => cache.ping().then(() => true));

      expect(await cache.provesRemoval("user:1", written)).toBe(false);
      const again = await bindOn(server);
      expect(await again.provesRemoval("user:1", written)).toBe(false);
    });

    it("that only stops the server leaves a write unknown and a read unavailable, in time", async () => {
      const server = await start();
      const cache = await bindOn(server);
      await writeEntry(cache, { value: "before" });
      await server.kill("SIGSTOP");
      const startedMs = performance.now();

      const codes = await Promise.all([
        codeOf(cache.write(setOf({ value: "during" }))),
        codeOf(cache.observe(["user:1"])),
        codeOf(cache.acknowledge([{ key: "user:1", version: "0".repeat(24) }])),
      ]);

      expect(codes).toEqual(["UNKNOWN_OUTCOME", "CACHE_UNAVAILABLE", "CACHE_UNAVAILABLE"]);
      expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS * 3);

      await server.kill("SIGCONT");
      const seen = await waitUntil(() => observeOne(cache, "user:1"));
      // It was sent, so it happened after all; a late answer must not be taken for another call's.
      expect(seen.value?.text).toBe("during");
      expect(await cache.timesToLive(["user:1", "nothing"])).toEqual([null, undefined]);
    });

    it("that comes while a write is under way leaves it unknown", async () => {
      const server = await start();
      const cache = await bindOn(server);
      await server.kill("SIGSTOP");
      const writing = codeOf(cache.write(setOf()));

      await server.kill("SIGKILL");

      expect(await writing).toBe("UNKNOWN_OUTCOME");
    });

    it("at start is told, and the same cache works once the server is there", async () => {
      const server = await start();
      await server.stop();
      const cache = openOn(server);

      expect(await codeOf(cache.bindStore(STORE_ID))).toBe("CACHE_UNAVAILABLE");
      expect(await codeOf(cache.write(setOf()))).toBe("CACHE_UNAVAILABLE");
      expect(cache.policy).toBeUndefined();

      await server.restart();
      expect(await waitUntil(() => cache.bindStore(STORE_ID))).toBe("bound");
      await writeEntry(cache);
    });

    it("at start of a server that accepts and never answers is told in time", async () => {
      const server = await start();
      const cache = openOn(server);
      await server.kill("SIGSTOP");
      const startedMs = performance.now();

      expect(await codeOf(cache.bindStore(STORE_ID))).toBe("CACHE_UNAVAILABLE");

      expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS * 3);
    });

    it("of one connection only is over with the next one", async () => {
      const server = await start();
      const cache = await bindOn(server);
      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      await operator.client("KILL", "TYPE", "normal", "SKIPME", "yes");

      const entry = await waitUntil(() => writeEntry(cache));

      expect((await observeOne(cache)).meta?.version).toBe(entry.version);
    });

    it("of a connection whose other end vanished without a word is over with the next one", async () => {
      const server = await start();
      const way = await openWay(server.port);
      closers.push(() => way.close());
      const cache = openCache(way.url, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
      closers.push(() => cache.close());
      await cache.bindStore(STORE_ID);

      way.swallow();

      expect(await codeOf(cache.write(setOf()))).toBe("UNKNOWN_OUTCOME");
      await waitUntil(() => writeEntry(cache), { withinMs: 10 * COMMAND_TIMEOUT_MS });
    });

    it("of the script cache alone is not even noticed, and mints no version twice", async () => {
      const server = await start();
      const cache = await bindOn(server);
      const operator = new Redis(server.url);
      closers.push(async () => operator.disconnect());
      const before = await writeEntry(cache);
      await operator.script("FLUSH");

      const entries = await Promise.all(
        Array.from({ length: 20 }, (_, at) => writeEntry(cache, { value: `value ${at}` })),
      );
      await operator.script("FLUSH");
      const seen = await observeOne(cache);

      const newest = entries.toSorted((one, other) => (one.version < other.version ? 1 : -1))[0];
      expect(seen).toMatchObject({
        value: { text: newest?.value },
        meta: { version: newest?.version },
        markerSeq: seqOf(before.version),
      });
      expect(new Set(entries.map((entry) => entry.version)).size).toBe(20);
    });
  });
}

/** A way to a port on which what is under way can vanish; whoever connects afterwards gets through. */
async function openWay(port: number) {
  const sockets = new Set<Socket>();
  const listener = createServer((near) => {
    const far = connect({ port, host: "127.0.0.1" });
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    swallow: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    return LockstepError.codeOf(error) ?? String(error);
  }
}
