import { describe, expect, it } from "@jest/globals";
import { BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import { contentHash } from "../../src/model/content-hash.ts";
import { epochOf, seqOf, type Version } from "../../src/model/version.ts";
import { MINUTE_MS, openedForEach, STORE_ID } from "../contract/cache-authority/harness.ts";
import {
  leaseOf,
  writeClean,
  writeEntry,
  writeTombstone,
} from "../contract/cache-authority/steps.ts";
import { ODD_KEYS } from "../contract/entries.ts";
import { openRedisHarness, type RedisHarness } from "../contract/redis-harness.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useRedis } from "../support/servers/use-redis.ts";

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `What ${name} holds`, () => {
    const redis = useRedis({ version });
    const open = openedForEach((options) => openRedisHarness(redis.server, options));

    describe("after a write", () => {
      it("is the plain value, a meta, a marker and a state, and nothing else", async () => {
        const { cache, client } = await open();
        await writeEntry(cache, { key: "user:1", value: "plain {value}" });
        const bucket = bucketOf("user:1");

        const keys = await client.keys("*");

        const states = Array.from({ length: BUCKETS }, (_, at) => `lockstep:s:${at}`);
        expect(keys.toSorted()).toEqual(
          ["user:1", "lockstep:m:user:1", `lockstep:p:${bucket}`, ...states].toSorted(),
        );
        expect(await client.get("user:1")).toBe("plain {value}");
      });

      it("is a marker whose score is the seq of the oldest unsynced write", async () => {
        const { cache, client } = await open();
        const first = await writeEntry(cache);
        await writeEntry(cache);

        const pending = `lockstep:p:${bucketOf("user:1")}`;
        expect(await client.type(pending)).toBe("zset");
        expect(await client.zrange(pending, 0, "-1", "WITHSCORES")).toEqual([
          "user:1",
          String(seqOf(first.version)),
        ]);
        expect(await client.pttl(pending)).toBe(-1);
      });

      it("is a state that names store, epoch, last seq, and this run and history of the server", async () => {
        const { cache, client } = await open();
        const { version } = await writeEntry(cache);

        const state = `lockstep:s:${bucketOf("user:1")}`;
        const info = await client.info();
        const run = ["run_id", "master_replid"].map(
          (id) => new RegExp(`${id}:(\\w+)`).exec(info)?.[1],
        );
        expect(await client.hgetall(state)).toEqual({
          store: STORE_ID,
          epoch: "00000001",
          seq: version.slice(8),
          run: run.join(":"),
        });
        expect(await client.pttl(state)).toBe(-1);
      });

      it("is a lease of three seconds while somebody fills", async () => {
        const { cache, client } = await open();
        const token = await leaseOf(cache);

        expect(await client.get("lockstep:l:user:1")).toBe(token);
        expect(await client.pttl("lockstep:l:user:1")).toBeGreaterThan(2000);
        expect(await client.pttl("lockstep:l:user:1")).toBeLessThanOrEqual(3000);
      });

      it.each(ODD_KEYS)(
        "is under names that end in the key itself, for a key with %s",
        async (_name, key) => {
          const { cache, client } = await open();
          await writeEntry(cache, { key });

          expect(await client.exists(key, `lockstep:m:${key}`)).toBe(2);
          expect(await client.zscore(`lockstep:p:${bucketOf(key)}`, key)).not.toBeNull();
        },
      );
    });

    describe("as meta", () => {
      const packed = (kind: string, version: Version, hash: string, rest: string) => {
        const numbers = Buffer.alloc(12);
        numbers.writeUInt32BE(epochOf(version), 0);
        numbers.writeBigUInt64BE(BigInt(seqOf(version)), 4);
        // Seq takes seven of its eight bytes; the first is always zero.
        const head = [Buffer.from(kind), numbers.subarray(0, 4), numbers.subarray(5)];
        return Buffer.concat([...head, Buffer.from(hash, "hex"), Buffer.from(rest)]);
      };

      it("is packed: kind, version, half the hash, deadline, and until the shadow has it, the writer", async () => {
        const { cache, client } = await open();
        const entry = await writeEntry(cache, {
          ttlMs: MINUTE_MS,
          sessionId: "séance",
          interactionId: null,
        });
        const { version, expiresAtMs } = entry;
        const hash = contentHash("new").slice(0, 32);
        const deadline = String(expiresAtMs);

        expect(await client.getBuffer("lockstep:m:user:1")).toEqual(
          packed("L", version, hash, `${deadline}|["séance",null]`),
        );
        await cache.acknowledge([entry]);

        expect(await client.getBuffer("lockstep:m:user:1")).toEqual(
          packed("L", version, hash, deadline),
        );
      });

      it("has a zero hash in a tombstone, and no deadline where the value has none", async () => {
        const { cache, client } = await open();
        const live = await writeClean(cache, { key: "live" });
        const dead = await writeTombstone(cache, { key: "dead" });

        const hash = contentHash("new").slice(0, 32);
        expect(await client.getBuffer("lockstep:m:live")).toEqual(
          packed("L", live.version, hash, ""),
        );
        expect(await client.getBuffer("lockstep:m:dead")).toEqual(
          packed("T", dead.version, "00".repeat(16), ""),
        );
      });

      it("keeps every digit of the largest version that numbers can hold", async () => {
        const { cache, client, raw } = await open();
        await writeEntry(cache);
        await raw.setLastSeq("user:1", Number.MAX_SAFE_INTEGER - 1);
        await client.hset(`lockstep:s:${bucketOf("user:1")}`, "epoch", "00999999");

        const { version } = await writeEntry(cache);

        expect(version).toBe("009999999007199254740991");
        expect((await cache.observe(["user:1"]))[0]?.meta?.version).toBe(version);
        expect(await cache.acknowledge([{ key: "user:1", version }])).toEqual(["clean"]);
      });

      it("adds at most 150 bytes to a clean key", async () => {
        const { cache, client } = await open();
        const keys = Array.from({ length: 2000 }, (_, at) => `user:${at}`);
        const value = "v".repeat(200);
        const entries = await Promise.all(keys.map((key) => writeEntry(cache, { key, value })));
        await cache.acknowledge(entries);
        const together = await usedBytes(client);
        await Promise.all(keys.map((key) => client.del(`lockstep:m:${key}`)));

        const bytesPerKey = (together - (await usedBytes(client))) / keys.length;

        expect(bytesPerKey).toBeGreaterThan(40);
        expect(bytesPerKey).toBeLessThanOrEqual(150);
      });
    });
  });
}

async function usedBytes(client: RedisHarness["client"]): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
}
