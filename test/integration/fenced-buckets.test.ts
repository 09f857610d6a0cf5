import { expect, it } from "@jest/globals";
import type { Redis } from "ioredis";
import type { RedisCache } from "../../src/cache/drivers/redis/redis-cache.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { epochOf } from "../../src/model/version.ts";
import { openedForEach, STORE_ID } from "../contract/cache-authority/harness.ts";
import { writeEntry } from "../contract/cache-authority/steps.ts";
import { openCache, openRedisHarness } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useRedis } from "../support/servers/use-redis.ts";

const CALLS = 1000;
const STATE = `lockstep:s:${bucketOf("user:1")}`;

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `buckets of ${name} that have lost their state`, () => {
    const redis = useRedis({ version });

    const open = openedForEach((options) => openRedisHarness(redis.server, options));

    it("are asked about once, however many calls meet them", async () => {
      const { cache, client } = await open();
      await writeEntry(cache, { value: "kept" });
      await cache.observe(["user:1"]);
      await client.del(STATE);
      let recoveries = 0;
      let underWay: Promise<void> | undefined;
      cache.buckets.onLost(async (bucket) => {
        recoveries += 1;
        underWay ??= recover(cache, bucket);
        await underWay;
      });
      await client.config("RESETSTAT");

      const seen = await Promise.all(
        Array.from({ length: CALLS }, () => cache.observe(["user:1"])),
      );

      expect(seen.every(([one]) => one?.value?.text === "kept")).toBe(true);
      expect(recoveries).toBe(CALLS);
      // Redis 6.2 asks for its run in each script that passes.
      const inScripts = version === "6.2" ? CALLS : 0;
      expect(await callsOf(client, "info")).toBeLessThan(inScripts + 50);
      expect(await callsOf(client, "evalsha")).toBeLessThan(3 * CALLS + 100);
    });

    it("cost one load of a script that the server does not know, however many calls want it", async () => {
      const { cache, client } = await open();
      await writeEntry(cache, { value: "kept" });
      await client.script("FLUSH");
      await client.config("RESETSTAT");

      await Promise.all(Array.from({ length: CALLS }, () => cache.observe(["user:1"])));

      expect(await callsOf(client, "script(?:\\|load)?")).toBe(1);
    });

    it.each([
      ["epoch", { epoch: "soon" }],
      ["epoch of another width", { epoch: "7" }],
      ["seq", { seq: "1e300" }],
      ["both", { epoch: "", seq: "" }],
    ])("work again where another hand has spoilt the %s", async (_what, spoilt) => {
      const { cache, client } = await open();
      await writeEntry(cache);
      await client.hset(STATE, { ...spoilt, run: "another" });

      const found = (await cache.buckets.states())[bucketOf("user:1")]!;
      expect(found).toMatchObject({ isCurrent: false, lastVersion: undefined });
      expect(await cache.buckets.install(found, 9)).toBe("installed");

      expect(epochOf((await writeEntry(cache)).version)).toBe(9);
    });

    it("are recovered where the server hides who it is, though a restart cannot be seen", async () => {
      const { client } = await open();
      await client.acl("SETUSER", "careful", "on", ">secret", "~*", "&*", "+@all", "-info");
      const cache = openCache(redis.server.url.replace("//", "//careful:secret@"));
      try {
        await cache.bindStore(STORE_ID);
        await writeEntry(cache, { value: "before" });
        expect(await client.hget(STATE, "run")).toBe("hidden:hidden");

        await client.flushall();
        await writeEntry(cache, { value: "after" });

        expect((await cache.observe(["user:1"]))[0]?.value?.text).toBe("after");
        expect(epochOf((await writeEntry(cache)).version)).toBeGreaterThan(0);
      } finally {
        await cache.close();
        await client.acl("DELUSER", "careful");
      }
    });

    it("take nothing on a replica, and are recovered once it has been promoted", async () => {
      const { cache, client } = await open();
      await writeEntry(cache, { value: "before" });
      await client.replicaof("127.0.0.1", "1");
      await expect(writeEntry(cache)).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
      await expect(cache.buckets.states()).rejects.toMatchObject({
        code: "CACHE_UNAVAILABLE",
        message: expect.stringContaining("replica"),
      });

      await client.replicaof("NO", "ONE");

      const [state] = (await cache.buckets.states()).filter(
        ({ bucket }) => bucket === bucketOf("user:1"),
      );
      expect(state).toMatchObject({ isCurrent: false, epoch: 1 });
      expect(epochOf((await writeEntry(cache)).version)).toBe(2);
    });
  });
}

async function recover(cache: RedisCache, bucket: number): Promise<void> {
  const found = (await cache.buckets.states())[bucket]!;
  await cache.buckets.install(found, 2);
}

async function callsOf(client: Redis, command: string): Promise<number> {
  const stats = await client.info("commandstats");
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}
