import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import { contentHash } from "../../../src/model/content-hash.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { setOf } from "../commands.ts";
import { entryOf, ODD_KEYS } from "../entries.ts";
import {
  META_SPOILERS,
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
} from "./harness.ts";
import { leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

export function describeLooking(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("observe", () => {
    it("shows what another program set, appended and removed, beside our meta", async () => {
      const { cache, raw } = await open();
      for (const key of ["set", "appended", "removed"]) await writeClean(cache, { key });
      await raw.set("set", "other", { ttlMs: MINUTE_MS });
      await raw.append("appended", "!");
      await raw.del("removed");

      const [set, appended, removed] = await cache.observe(["set", "appended", "removed"]);

      expect(set?.value).toEqual({ text: "other", isText: true, hash: contentHash("other") });
      expect(set?.ttlMs).toBeGreaterThan(MINUTE_MS / 2);
      expect(set?.metaTtlMs).toBeNull();
      expect(appended?.value?.text).toBe("new!");
      expect(removed?.value).toBeUndefined();
      for (const seen of [set, appended, removed]) {
        expect(seen?.meta?.shortHash).toBe(contentHash("new").slice(0, 32));
      }
    });

    it("says of bytes that are no text what they hash to, and that they are none", async () => {
      const { cache, raw } = await open();
      const bytes = Buffer.from([0x61, 0xff, 0x00, 0xc3, 0x28]);
      await raw.set("user:1", bytes);

      const { value } = await observeOne(cache);

      expect(value).toMatchObject({ isText: false, hash: contentHash(bytes) });
      expect(value?.text.startsWith("a")).toBe(true);
    });

    it("shows a value without meta, a meta without value, and a marker without either", async () => {
      const { cache, raw } = await open();
      await raw.set("foreign", "");
      const evicted = await writeClean(cache, { key: "evicted" });
      await raw.del("evicted");
      await writeEntry(cache, { key: "lost" });
      await raw.del("lost");
      await raw.forgetMeta("lost");

      const [foreign, gone, lost] = await cache.observe(["foreign", "evicted", "lost"]);

      expect(foreign).toMatchObject({ value: { text: "" }, meta: undefined, markerSeq: undefined });
      expect(gone).toMatchObject({ value: undefined, meta: { version: evicted.version } });
      expect(lost).toMatchObject({ value: undefined, meta: undefined });
      expect(lost?.markerSeq).toBeDefined();
    });

    it("gives contents and digests of the same, for a key of another type too", async () => {
      const { cache, raw } = await open();
      for (const key of ["ours", "changed", "gone", "bare"]) await writeClean(cache, { key });
      await writeEntry(cache, { key: "pending" });
      await writeEntry(cache, { key: "lost" });
      await raw.del("lost");
      await raw.forgetMeta("lost");
      await raw.append("changed", "é");
      await raw.del("gone");
      await raw.forgetMeta("bare");
      await raw.set("foreign", Buffer.from([0xff]));
      await raw.putOther("list", "list");
      const keys = ["pending", "ours", "list", "changed", "gone", "foreign", "bare", "lost"];

      const digests = await cache.digests(keys);
      const contents = await cache.contents(keys);

      const seen = await cache.observe(keys);
      expect(digests.map(({ valueBytes }) => valueBytes)).toEqual([
        3,
        3,
        undefined,
        5,
        undefined,
        1,
        3,
        undefined,
      ]);
      for (const [i, digest] of digests.entries()) {
        const { key, foreignType, meta, markerSeq, value } = seen[i]!;
        expect(digest).toMatchObject({ key, foreignType, meta, markerSeq });
        expect(contents[i]).toMatchObject({ key, foreignType, meta, markerSeq, value });
      }
      expect(digests[2]?.foreignType).toBe("list");
    });

    it("reads 500 keys of all buckets in the order asked", async () => {
      const { cache, raw } = await open();
      const keys = Array.from({ length: 500 }, (_, at) => `user:${at}`);
      await Promise.all(keys.map((key) => raw.set(key, `value of ${key}`)));

      const seen = await cache.observe(keys);

      expect(seen.map(({ key }) => key)).toEqual(keys);
      expect(seen.map(({ value }) => value?.text)).toEqual(keys.map((key) => `value of ${key}`));
    });
  });

  describe.each([...META_SPOILERS])("a meta spoilt by %s", (how) => {
    it("never breaks a look, a write or a fill", async () => {
      const { cache, raw } = await open();
      for (const key of ["a", "b", "c"]) {
        await writeClean(cache, { key });
        await raw.spoilMeta(key, how);
      }
      await raw.del("c");

      const seen = await cache.observe(["a", "b", "c"]);
      expect(seen.map(({ value }) => value?.text)).toEqual(["new", "new", undefined]);
      expect(await cache.timesToLive(["a", "b", "c"])).toEqual([null, null, undefined]);

      const written = await writeEntry(cache, { key: "a", value: "again" });
      expect((await observeOne(cache, "a")).meta?.version).toBe(written.version);
      expect(await cache.acknowledge([written])).toEqual(["clean"]);
    });

    it("counts as absent, so that the key can be repaired", async () => {
      const { cache, raw } = await open();
      await writeClean(cache);
      await raw.spoilMeta("user:1", how);
      const seen = await observeOne(cache);
      expect(seen.meta).toBeUndefined();
      const token = await leaseOf(cache);

      const written = await cache.write(setOf({ value: "repaired" }), { seen, token });

      expect(written.outcome).toBe("written");
      expect(await observeOne(cache)).toMatchObject({ value: { text: "repaired" } });
    });

    it("does not stand in the way of a fill and is gone after it", async () => {
      const { cache, raw } = await open();
      await writeClean(cache);
      await raw.del("user:1");
      await raw.spoilMeta("user:1", how);

      expect(await cache.fill(entryOf(), await leaseOf(cache))).toBe("filled");

      expect((await observeOne(cache)).meta?.version).toBe(entryOf().version);
    });

    it("is seen by a scan where nothing else is left of the key", async () => {
      const { cache, raw } = await open();
      await writeClean(cache);
      await raw.del("user:1");

      await raw.spoilMeta("user:1", how);

      expect(await scanned(cache)).toEqual(["user:1"]);
    });

    it("is dropped with the copy", async () => {
      const { cache, raw } = await open();
      await writeClean(cache);
      await raw.spoilMeta("user:1", how);

      expect(await cache.drop(await observeOne(cache), "copy")).toBe("dropped");

      expect(await scanned(cache)).toEqual([]);
    });
  });

  describe("timesToLive", () => {
    it("is the nearer of the value's own deadline and the cache's", async () => {
      const { cache, raw } = await open({ residencyMs: MINUTE_MS });
      await writeClean(cache, { key: "resident", ttlMs: 60 * MINUTE_MS });
      await writeEntry(cache, { key: "pending", ttlMs: MINUTE_MS });
      await writeEntry(cache, { key: "ended early", ttlMs: 60 * MINUTE_MS });
      await raw.set("ended early", "by another", { ttlMs: MINUTE_MS });
      await raw.set("foreign", "value", { ttlMs: MINUTE_MS });

      const keys = ["resident", "pending", "ended early", "foreign"];
      for (const ttlMs of await cache.timesToLive(keys)) {
        expect(ttlMs).toBeGreaterThan(MINUTE_MS / 2);
        expect(ttlMs).toBeLessThanOrEqual(MINUTE_MS);
      }
    });

    it("is zero for a pending value whose deadline has passed", async () => {
      const { cache, elapse } = await open();
      await writeEntry(cache, { ttlMs: 10 });
      await elapse(30);

      expect(await cache.timesToLive(["user:1"])).toEqual([0]);
    });
  });

  describe("sample", () => {
    it("gives each key the same chance, whether it has meta, a value, or both", async () => {
      const { cache, raw } = await open();
      const ours = Array.from({ length: 150 }, (_, at) => `ours:${at}`);
      await Promise.all(ours.map((key) => writeClean(cache, { key })));
      for (let at = 0; at < 150; at += 1) await raw.set(`foreign:${at}`, "value");
      const random = new SeededRandom(1);

      let drawn = 0;
      let drawnOurs = 0;
      for (let round = 0; round < 100; round += 1) {
        const { keys } = await cache.sample({ size: 24, random });
        drawn += keys.length;
        drawnOurs += keys.filter((key) => key.startsWith("ours:")).length;
      }

      // Were a key with two names in Redis twice as likely, it would be two thirds. By chance it leaves these bounds once in 10^20.
      expect(drawn).toBe(2400);
      expect(drawnOurs / drawn).toBeGreaterThan(0.4);
      expect(drawnOurs / drawn).toBeLessThan(0.6);
    });

    it("tells about how many keys there are where it draws only a few", async () => {
      const { cache, raw } = await open();
      const keys = Array.from({ length: 200 }, (_, at) => `ours:${at}`);
      await Promise.all(keys.map((key) => writeClean(cache, { key })));
      await raw.set("foreign", "value");

      const { total } = await cache.sample({ size: 5, random: new SeededRandom(1) });

      expect(total).toBeGreaterThan(100);
      expect(total).toBeLessThan(402);
    });
  });

  it("has another scan id once the server has started anew", async () => {
    const { cache, raw } = await open();
    const before = await cache.scanId();

    await raw.restart();

    expect(await cache.scanId()).not.toBe(before);
  });

  describe("scan", () => {
    it("sees each key once: with meta, without it, deleted, evicted, and a marker alone", async () => {
      const { cache, raw } = await open();
      const expected: string[] = [];
      for (let at = 0; at < 30; at += 1) {
        await writeClean(cache, { key: `clean:${at}` });
        await raw.set(`foreign:${at}`, "value");
        await writeTombstone(cache, { key: `deleted:${at}` });
        await writeEntry(cache, { key: `marked:${at}` });
        await raw.del(`marked:${at}`);
        await raw.forgetMeta(`marked:${at}`);
        expected.push(`clean:${at}`, `foreign:${at}`, `deleted:${at}`, `marked:${at}`);
      }

      const seen = await scanned(cache, { limit: 7 });

      expect(seen.toSorted()).toEqual(expected.toSorted());
    });

    it.each(ODD_KEYS)(
      "sees a key with %s under that literal prefix, in every form",
      async (_name, key) => {
        const { cache, raw } = await open();
        for (const other of ["other", `x${key}`]) await raw.set(other, "value");

        await raw.set(key, "value");
        expect(await scanned(cache, { prefix: key })).toEqual([key]);
        await writeEntry(cache, { key });
        expect(await scanned(cache, { prefix: key })).toEqual([key]);
        await raw.del(key);
        expect(await scanned(cache, { prefix: key })).toEqual([key]);
        await raw.forgetMeta(key);
        expect(await scanned(cache, { prefix: key })).toEqual([key]);
      },
    );

    it("leaves out keys whose names are no text, since nobody could ask for them", async () => {
      const { cache, raw } = await open();
      await raw.set("text", "value");
      await raw.setBytesKey(Buffer.from([0xff, 0xfe]), "value");

      expect(await scanned(cache)).toEqual(["text"]);
    });

    it.each(["", "x", "m:", "m:x", "v:-1", "p:99:0", "p:1", "m:0:0", "p:NaN:0"])(
      "refuses the cursor %j, which it never gave",
      async (cursor) => {
        const { cache } = await open();

        await expect(cache.scan({ cursor, limit: 10 })).rejects.toMatchObject({
          code: "INPUT_INVALID",
        });
      },
    );
  });
}

async function scanned(
  cache: CacheAuthorityPort,
  page: { prefix?: string; limit: number } | { prefix: string } = { limit: 100 },
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const found = await cache.scan({
      limit: 100,
      ...page,
      ...(cursor === undefined ? {} : { cursor }),
    });
    keys.push(...found.keys);
    cursor = found.cursor;
  } while (cursor !== undefined);
  return keys;
}
