import { readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { bucketOf } from "../../src/model/bucket.ts";
import type { OpenLockstep, Variables } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { FaultProxy } from "../support/servers/fault-proxy.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const SNAPSHOTS = ["--dbfilename", "dump.rdb"] as const;
const EVERY_WRITE = ["--appendonly", "yes", "--appendfsync", "always"] as const;
const EVERY_SECOND = ["--appendonly", "yes", "--appendfsync", "everysec"] as const;

for (const [server, version] of [
  ["redis", "system"],
  ["redis-6.2", "6.2"],
] as const) {
  describeWith([server, "mongodb"], `a ${server} that loses state`, () => {
    const backends = useBackends({ version });
    let closers: (() => Promise<unknown>)[] = [];

    beforeEach(() => {
      closers = [];
    });

    afterEach(async () => {
      for (const close of closers.reverse()) await close();
    });

    const start = async (...args: readonly string[]): Promise<RedisServer> => {
      const redis = await startRedis({ version, args });
      closers.push(() => redis.close());
      return redis;
    };

    const clientOf = (redis: RedisServer): Redis => {
      const client = new Redis(redis.url);
      client.on("error", () => undefined);
      closers.push(async () => client.disconnect());
      return client;
    };

    const openOn = (url: string, more: Variables = {}): Promise<OpenLockstep> =>
      backends.open({ REDIS_URL: url, LOCKSTEP_OUTBOX_INTERVAL_MS: "200", ...more });

    /** The server ends without a word, and comes back with what it has on disk. */
    const crash = async (redis: RedisServer) => {
      await redis.kill("SIGKILL");
      await redis.restart();
    };

    const healthOf = async (lockstep: OpenLockstep) =>
      (await lockstep.call("verify_cache_sync")).overallSyncHealth;

    const set = (lockstep: OpenLockstep, key: string, value: string, more = {}) =>
      waitUntil(() => lockstep.call("kv_set", { key, value, ...more }));

    /** The answer of a server that is connected again; until then the store's is shown, with a warning. */
    const get = (lockstep: OpenLockstep, key: string) =>
      waitUntil(async () => {
        const answer = await lockstep.call("kv_get", { key });
        return answer.warning === undefined ? answer : undefined;
      });

    const epochIn = async (client: Redis, key: string) =>
      Number(await client.hget(`lockstep:s:${bucketOf(key)}`, "epoch"));

    it("still shows the last write after it has gone back to an earlier one", async () => {
      const redis = await start(...SNAPSHOTS);
      const lockstep = await openOn(redis.url);
      const first = await set(lockstep, "rolled back", "first");
      await clientOf(redis).save();
      const last = await set(lockstep, "rolled back", "last");

      await crash(redis);

      expect(await get(lockstep, "rolled back")).toMatchObject({
        value: "last",
        version: last.version,
      });
      await expect(
        lockstep.call("kv_set", { key: "rolled back", value: "x", ifVersion: first.version }),
      ).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
      const next = await set(lockstep, "rolled back", "next");
      expect(next.version > last.version).toBe(true);
      expect((await lockstep.call("hybrid_sync_stats")).recovery).toMatchObject({ lostWrites: 0 });
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("does not bring a deleted key back", async () => {
      const redis = await start(...SNAPSHOTS);
      const lockstep = await openOn(redis.url);
      await set(lockstep, "deleted", "was here");
      await clientOf(redis).save();
      await lockstep.call("kv_delete", { key: "deleted" });

      await crash(redis);

      expect(await get(lockstep, "deleted")).toMatchObject({ found: false });
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("loses nothing where its disk has everything, and what was unsynced is synced", async () => {
      const redis = await start(...EVERY_WRITE);
      const lockstep = await openOn(redis.url);
      await set(lockstep, "synced", "1");
      await backends.fault.set({ commands: ["update", "insert"], errorCode: 96 });
      expect(await set(lockstep, "unsynced", "2")).toMatchObject({ durable: "journal" });

      await crash(redis);
      expect(await get(lockstep, "unsynced")).toMatchObject({ value: "2", durable: "journal" });
      await backends.fault.lift();

      await waitUntil(async () => (await backends.rowOf("unsynced"))?.lastValue === "2", {
        withinMs: 20_000,
      });
      expect(await get(lockstep, "synced")).toMatchObject({ value: "1" });
      expect((await lockstep.call("hybrid_sync_stats")).recovery).toMatchObject({
        dropped: 0,
        lostWrites: 0,
      });
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("loses the last second of its append-only file, and nothing that was told to be in the store", async () => {
      const redis = await start(...EVERY_SECOND);
      const lockstep = await openOn(redis.url);
      await set(lockstep, "in the store", "first");
      const file = await appendOnlyFileOf(redis);
      await waitUntil(async () => (await readFile(file, "latin1")).includes("first"));
      const { size: bytesOnDisk } = await stat(file);
      const stored = await set(lockstep, "in the store", "last");
      expect(stored.durable).toBe("shadow");
      await backends.fault.set({ commands: ["update", "insert"], errorCode: 96 });
      const lost = await set(lockstep, "journal only", "gone");
      expect(lost.durable).toBe("journal");

      // As a machine that fails leaves the file: a process that is killed loses nothing of what it has given to the system.
      await redis.kill("SIGKILL");
      await truncate(file, bytesOnDisk);
      await redis.restart();
      await backends.fault.lift();

      expect(await get(lockstep, "in the store")).toMatchObject({
        value: "last",
        version: stored.version,
      });
      expect(await get(lockstep, "journal only")).toMatchObject({ found: false });
      await waitUntil(async () => {
        const { recovery } = await lockstep.call("hybrid_sync_stats");
        expect(recovery).toMatchObject({
          dropped: 1,
          lostWrites: 1,
          lost: [{ key: "journal only", version: lost.version }],
        });
        return true;
      });
      const after = await set(lockstep, "journal only", "again");
      expect(after.version > lost.version).toBe(true);
      expect((await backends.rowOf("journal only"))?.lastValue).toBe("again");
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("tells by key which writes it has lost, and everything after them wins", async () => {
      const redis = await start();
      const lockstep = await openOn(redis.url);
      await set(lockstep, "in the store", "safe");
      await backends.fault.set({ commands: ["update", "insert"], errorCode: 96 });
      const lost = await set(lockstep, "journal only", "gone");
      expect(lost.durable).toBe("journal");

      await crash(redis);
      await backends.fault.lift();

      expect(await get(lockstep, "journal only")).toMatchObject({ found: false });
      expect(await get(lockstep, "in the store")).toMatchObject({ value: "safe" });
      await waitUntil(async () => {
        const { recovery } = await lockstep.call("hybrid_sync_stats");
        expect(recovery).toMatchObject({
          lostWrites: 1,
          lost: [{ key: "journal only", version: lost.version }],
        });
        return true;
      });
      expect(lockstep.log.messages("error")).toContain(
        "Redis has lost writes that were acknowledged from its journal",
      );
      expect((await lockstep.app.health()).warnings.join()).toContain("has lost 1 writes");
      const after = await set(lockstep, "journal only", "again");
      expect(after.version > lost.version).toBe(true);
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("refuses calls while the store, which must raise the epoch, is down, unless reads are wanted all the same", async () => {
      const redis = await start(...EVERY_WRITE);
      const lockstep = await openOn(redis.url, { LOCKSTEP_SYNC_TIMEOUT_MS: "300" });
      const reader = await openOn(redis.url, {
        LOCKSTEP_SYNC_TIMEOUT_MS: "300",
        LOCKSTEP_READ_WHILE_RECOVERING: "true",
      });
      await set(lockstep, "cached", "1");
      await backends.mongo.kill("SIGSTOP");

      await crash(redis);

      await waitUntil(async () => {
        await expect(lockstep.call("kv_get", { key: "cached" })).rejects.toMatchObject({
          code: "RECOVERING",
          retryable: true,
        });
        return true;
      });
      await expect(lockstep.call("kv_set", { key: "a", value: "1" })).rejects.toMatchObject({
        code: "RECOVERING",
      });
      expect(await waitUntil(() => reader.call("kv_get", { key: "cached" }))).toMatchObject({
        value: "1",
        warning: expect.stringContaining("being recovered"),
      });

      await backends.mongo.kill("SIGCONT");

      await set(lockstep, "cached", "2");
      expect(await get(reader, "cached")).toMatchObject({ value: "2" });
    });

    it("goes on after FLUSHALL in the middle of traffic, with every write that the store had", async () => {
      const redis = await start();
      const both = [await openOn(redis.url), await openOn(redis.url)] as const;
      const client = clientOf(redis);
      const keys = Array.from({ length: 40 }, (_, i) => `user:${i}`);
      await Promise.all(keys.map((key, i) => set(both[i % 2]!, key, "1", { ack: "shadow" })));
      const epochs = await Promise.all(keys.map((key) => epochIn(client, key)));

      const second = keys.map((key, i) => set(both[i % 2]!, key, "2", { ack: "shadow" }));
      await client.flushall();
      await Promise.all(second);

      for (const key of keys)
        expect(await get(both[0], key)).toMatchObject({ found: true, value: "2" });
      const after = await Promise.all(keys.map((key) => epochIn(client, key)));
      expect(after.every((epoch, i) => epoch > epochs[i]!)).toBe(true);
      expect(await healthOf(both[1])).toBe("HEALTHY");
    });

    it("only loads its scripts again after SCRIPT FLUSH", async () => {
      const redis = await start();
      const lockstep = await openOn(redis.url);
      const client = clientOf(redis);
      await set(lockstep, "a", "1");
      const epoch = await epochIn(client, "a");

      await client.script("FLUSH");

      await lockstep.call("kv_set", { key: "a", value: "2" });
      expect(await lockstep.call("kv_get", { key: "a" })).toMatchObject({ value: "2" });
      expect(await epochIn(client, "a")).toBe(epoch);
    });

    it("gives way to a replica that was promoted without the last writes", async () => {
      const primary = await start();
      const replica = await start();
      const proxy = await FaultProxy.open(primary.port);
      closers.push(() => proxy.close());
      const lockstep = await openOn(`redis://127.0.0.1:${proxy.port}`);
      await set(lockstep, "replicated", "first");
      const atReplica = clientOf(replica);
      await atReplica.replicaof("127.0.0.1", String(primary.port));
      await waitUntil(async () => (await atReplica.get("replicated")) === "first", {
        withinMs: 20_000,
      });
      await atReplica.replicaof("NO", "ONE");
      const last = await set(lockstep, "replicated", "last");

      proxy.retarget(replica.port);
      proxy.cut();

      expect(await get(lockstep, "replicated")).toMatchObject({
        value: "last",
        version: last.version,
      });
      const next = await set(lockstep, "replicated", "next");
      expect(next.version > last.version).toBe(true);
      expect(await healthOf(lockstep)).toBe("HEALTHY");
    });

    it("is noticed where it was demoted, left behind and promoted again, all without a resync", async () => {
      const old = await start();
      const taker = await start();
      const left = await openOn(old.url);
      const client = clientOf(old);
      await set(left, "contended", "first");
      await client.replicaof("127.0.0.1", "1");
      const elsewhere = await openOn(taker.url);
      const last = await set(elsewhere, "contended", "last");

      await client.replicaof("NO", "ONE");
      await client.client("KILL", "TYPE", "normal", "SKIPME", "yes");

      expect(await get(left, "contended")).toMatchObject({
        value: "last",
        version: last.version,
      });
    });

    it("is not believed where another Redis has taken over, and its writes are not acknowledged", async () => {
      const old = await start();
      const taker = await start();
      const left = await openOn(old.url);
      const { version: first } = await set(left, "contended", "first");
      const elsewhere = await openOn(taker.url);
      const last = await set(elsewhere, "contended", "last");
      expect(last.version > first).toBe(true);

      await expect(
        left.call("kv_set", { key: "contended", value: "of the one left behind" }),
      ).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });

      expect((await backends.rowOf("contended"))?.lastValue).toBe("last");
      await waitUntil(
        async () => (await left.call("kv_get", { key: "contended" })).value === "last",
        { what: "the one left behind to recover" },
      );
    });
  });
}

/** What a young server appends to; since 7.0 in a folder of its own, beside the base. */
async function appendOnlyFileOf({ dir }: RedisServer): Promise<string> {
  const names = await readdir(dir, { recursive: true });
  const name = names.find((one) => /\.incr\.aof$|^appendonly\.aof$/.test(one));
  if (name === undefined)
    throw new Error(`There is no append-only file among ${names.join(", ")}.`);
  return join(dir, name);
}
