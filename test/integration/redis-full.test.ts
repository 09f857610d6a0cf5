import { describe, expect, it } from "@jest/globals";
import type { CacheFill } from "../../src/cache/cache-authority-port.ts";
import { pendingKey } from "../../src/cache/drivers/redis/redis-keys.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { LockstepError } from "../../src/model/lockstep-error.ts";
import {
  observeOne,
  openedForEach,
  STORE_ID,
  stateOf,
} from "../contract/cache-authority/harness.ts";
import { later, leaseOf, writeClean, writeEntry } from "../contract/cache-authority/steps.ts";
import { deleteOf, setOf } from "../contract/commands.ts";
import { entryOf } from "../contract/entries.ts";
import { openCache, openRedisHarness, type RedisHarness } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useRedis } from "../support/servers/use-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `${name} without memory to spare`, () => {
    const redis = useRedis({ version });
    const openAny = openedForEach((options) => openRedisHarness(redis.server, options));
    const open = (maxmemoryPolicy: string) => openAny({ maxmemoryPolicy });

    describe.each(["noeviction", "volatile-lru"])("under %s, where nothing can go", (policy) => {
      it("refuses writes, says what to do about it, and has written nothing", async () => {
        const { cache, client } = await open(policy);
        await writeEntry(cache, { value: "before" });
        const before = await observeOne(cache);
        const state = await client.hgetall(`lockstep:s:${bucketOf("user:1")}`);
        await fillUp(client);

        for (const command of [setOf(), deleteOf(), setOf({ key: "{user:1}:new" })]) {
          const refused = await cache.write(command).catch((error: unknown) => error);
          expect(refused).toMatchObject({ code: "OVERLOADED" });
          expect((refused as LockstepError).message).toContain("refused write");
          expect((refused as LockstepError).hint).toContain("maxmemory");
        }

        expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
        expect(await client.hgetall(`lockstep:s:${bucketOf("user:1")}`)).toEqual(state);
        expect(await cache.countPending(0)).toBe(1);
        expect(await client.exists("{user:1}:new", "lockstep:m:{user:1}:new")).toBe(0);
      });

      it("still hears that the shadow has a write: that is what makes room", async () => {
        const { cache, client } = await open(policy);
        const clean = await writeEntry(cache, { key: "a", sessionId: "session" });
        const older = await writeEntry(cache, { key: "b" });
        await writeEntry(cache, { key: "b" });
        const behind = await writeEntry(cache, { key: "c" });
        await fillUp(client);

        const told = await cache.acknowledge([
          clean,
          older,
          { key: "c", version: later(behind.version) },
        ]);

        expect(told).toEqual(["clean", "newer", "dropped"]);
        expect(await cache.pendingOlderThan({ ageMs: 0, limit: 10 })).toEqual(["b"]);
      });

      it("still drops, settles and withdraws", async () => {
        const { cache, client } = await open(policy);
        for (const key of ["a", "b", "c"]) await writeEntry(cache, { key });
        // Written while nothing was pinned: a copy with a marker is not withdrawn.
        await client.zrem(pendingKey(bucketOf("c")), "c");
        await fillUp(client);
        const [a, b, c] = await cache.observe(["a", "b", "c"]);

        expect(await cache.drop(a!, "copy_and_marker")).toBe("dropped");
        expect(await cache.settle("b", b!.meta!.version)).toBe("clean");
        expect(await cache.withdraw("c", c!.meta!.version)).toBe("withdrawn");

        // The clean copy may go at once where the policy lets it.
        expect(await client.exists("a", "c")).toBe(0);
        expect(await cache.pendingOlderThan({ ageMs: 0, limit: 10 })).toEqual(["b"]);
      });

      it("answers readers, whose fills do nothing and take no memory", async () => {
        const { cache, client } = await open(policy);
        await writeEntry(cache, { key: "cached" });
        const token = await leaseOf(cache, "cold");
        await client.set("foreign", "a value");
        const stampToken = await leaseOf(cache, "foreign");
        await fillUp(client);

        expect((await observeOne(cache, "cached")).value?.text).toBe("new");
        expect(await cache.timesToLive(["cached"])).toEqual([null]);
        expect(await cache.takeLease("another")).toBeUndefined();
        expect(await cache.fill(entryOf({ key: "cold" }), token)).toBe("skipped");
        expect(await cache.stamp(entryOf({ key: "foreign" }), stampToken)).toBe("skipped");

        expect(await client.exists("cold", "lockstep:m:cold", "lockstep:m:foreign")).toBe(0);
      });

      it("is as before once there is room", async () => {
        const { cache, client } = await open(policy);
        await fillUp(client);
        await expect(cache.write(setOf())).rejects.toMatchObject({ code: "OVERLOADED" });
        await client.config("SET", "maxmemory", "0");

        await writeClean(cache);

        expect(await cache.fill(entryOf({ key: "cold" }), await leaseOf(cache, "cold"))).toBe(
          "filled",
        );
      });
    });

    it("makes room under volatile-lru with what the shadow has, and never with what it lacks", async () => {
      const { cache, client } = await open("volatile-lru");
      await client.config("SET", "maxmemory", String((await usedBytes(client)) + 4 * 1024 * 1024));
      const value = "v".repeat(64 * 1024);
      const held: Entry[] = [];
      const writeMore = async () => {
        held.push(await writeEntry(cache, { key: `held:${held.length}`, value }));
      };
      await expect(
        (async () => {
          while (held.length < 200) await writeMore();
        })(),
      ).rejects.toMatchObject({ code: "OVERLOADED" });

      const synced = held.slice(0, held.length / 2);
      await cache.acknowledge(synced);
      for (let more = 0; more < 10; more += 1) await writeMore();

      const unsynced = held.slice(synced.length);
      for (const seen of await cache.observe(unsynced.map(({ key }) => key))) {
        expect(seen.value?.text === value).toBe(true);
        expect(seen.markerSeq).toBeDefined();
      }
      await cache.refreshPolicy();
      const gone = (await cache.observe(synced.map(({ key }) => key))).filter(
        ({ value: left }) => left === undefined,
      );
      expect(gone.length).toBeGreaterThan(0);
    });

    it("knows under volatile-lru how much of it can go, and surely when nothing can", async () => {
      const { cache } = await open("volatile-lru");
      const empty = await cache.measure();
      const value = "v".repeat(64 * 1024);
      const held: Entry[] = [];
      for (let at = 0; at < 160; at += 1) {
        held.push(await writeEntry(cache, { key: `held:${at}`, value }));
      }
      const full = await cache.measure();
      await cache.acknowledge(held.slice(0, 80));
      const half = await cache.measure();
      await cache.acknowledge(held.slice(80));
      const clean = await cache.measure();

      const grownBytes = ({ heldBytes = 0 }: CacheFill) => heldBytes - (empty.usedBytes ?? 0);
      const valueBytes = 160 * value.length;
      expect(full.heldBytes).toBe(full.usedBytes);
      expect(grownBytes(full)).toBeGreaterThan(valueBytes);
      expect(grownBytes(half) / valueBytes).toBeGreaterThan(0.4);
      expect(grownBytes(half) / valueBytes).toBeLessThan(0.65);
      expect(grownBytes(clean) / valueBytes).toBeLessThan(0.1);
    });

    it("lets go of what the shadow has under noeviction, once room is short, and of nothing else", async () => {
      const { client } = await open("noeviction");
      let isShort = true;
      const cache = openCache(redis.server.url, { isShortOfRoom: () => isShort });
      try {
        await cache.bindStore(STORE_ID);
        const entry = await writeClean(cache, { key: "let go" });
        await writeEntry(cache, { key: "waits" });
        isShort = false;
        await writeClean(cache, { key: "stays" });

        expect(await client.pttl("let go")).toBeGreaterThan(0);
        expect(await client.pttl("let go")).toBeLessThanOrEqual(2000);
        expect(await cache.timesToLive(["waits", "stays"])).toEqual([null, null]);
        await waitUntil(async () => (await client.exists("let go")) === 0);
        expect(await observeOne(cache, "let go")).toMatchObject({
          value: undefined,
          meta: undefined,
          markerSeq: undefined,
        });
        const token = await leaseOf(cache, "let go");
        expect(await cache.fill(entry, token)).toBe("filled");
      } finally {
        await cache.close();
      }
    });

    it("may lose any copy under allkeys-lru, and never serves half of one as whole", async () => {
      const { cache, client } = await open("allkeys-lru");
      await client.config("SET", "maxmemory", String((await usedBytes(client)) + 2 * 1024 * 1024));
      const value = "v".repeat(16 * 1024);

      for (let at = 0; at < 400; at += 1) {
        const entry = await writeEntry(cache, { key: `user:${at}`, value });
        expect(["clean", "dropped"]).toContain(await cache.settle(entry.key, entry.version));
      }

      const seen = await cache.observe(Array.from({ length: 400 }, (_, at) => `user:${at}`));
      expect(seen.some((one) => one.value === undefined)).toBe(true);
      expect(seen.every((one) => one.value === undefined || one.value.text === value)).toBe(true);
      expect(await cache.countPending(0)).toBe(0);
    });
  });
}

/** From here on the server has more than it may have, and its policy finds nothing to evict. */
async function fillUp(client: RedisHarness["client"]): Promise<void> {
  await client.config("SET", "maxmemory", "1");
}

async function usedBytes(client: RedisHarness["client"]): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
}
