import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { MINUTE_MS, type OpenCacheAuthorityHarness, openedForEach } from "./harness.ts";
import { writeEntry, writeTombstone } from "./steps.ts";

export function describePending(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("pending keys", () => {
    it("are counted and named by the age of their oldest write, over all buckets", async () => {
      const { cache, elapse } = await open();
      const old = Array.from({ length: 40 }, (_, at) => `old:${at}`);
      expect(new Set(old.map(bucketOf)).size).toBeGreaterThan(10);
      for (const key of old) await writeEntry(cache, { key });
      await elapse(300);
      await writeEntry(cache, { key: "old:7" });
      await writeTombstone(cache, { key: "young" });

      expect(await cache.countPending(0)).toBe(41);
      expect(await cache.countPending(200)).toBe(40);
      expect(await cache.countPending(MINUTE_MS)).toBe(0);
      expect(await cache.pendingOlderThan({ ageMs: 200, limit: 100 })).toEqual(old);
      expect(await cache.pendingOlderThan({ ageMs: 0, limit: 100 })).toEqual([...old, "young"]);
      expect(await cache.pendingOlderThan({ ageMs: MINUTE_MS, limit: 100 })).toEqual([]);
    });

    it("come oldest first, as many as asked for after the first so many", async () => {
      const { cache } = await open();
      const keys = Array.from({ length: 25 }, (_, at) => `user:${at}`);
      for (const key of keys) await writeEntry(cache, { key });
      const page = (limit: number, offset?: number) =>
        cache.pendingOlderThan({ ageMs: 0, limit, ...(offset === undefined ? {} : { offset }) });

      expect(await page(10)).toEqual(keys.slice(0, 10));
      expect(await page(10, 0)).toEqual(keys.slice(0, 10));
      expect(await page(10, 10)).toEqual(keys.slice(10, 20));
      expect(await page(10, 20)).toEqual(keys.slice(20));
      expect(await page(10, 25)).toEqual([]);
    });

    it("come in the same order however unevenly they lie in the buckets", async () => {
      const { cache } = await open();
      const keys = Array.from({ length: 300 }, (_, at) =>
        at < 10 || at % 7 === 0 ? `user:${at}` : `{crowded}:${at}`,
      );
      for (const key of keys) await writeEntry(cache, { key });

      for (const [offset, limit] of [
        [0, 1],
        [0, 5],
        [3, 20],
        [40, 200],
        [290, 100],
        [0, 300],
      ] as const) {
        const page = await cache.pendingOlderThan({ ageMs: 0, limit, offset });
        expect(page).toEqual(keys.slice(offset, offset + limit));
      }
    });

    it("are neither counted nor named once they are acknowledged", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache, { key: "first" });
      await writeEntry(cache, { key: "second" });

      await cache.acknowledge([first]);

      expect(await cache.countPending(0)).toBe(1);
      expect(await cache.pendingOlderThan({ ageMs: 0, limit: 10 })).toEqual(["second"]);
    });

    it("count from the acknowledged write on, once a later one of the same key is pending", async () => {
      const { cache, elapse } = await open();
      await writeEntry(cache);
      await elapse(150);
      const second = await writeEntry(cache);
      await writeEntry(cache);
      expect(await cache.countPending(100)).toBe(1);

      await cache.acknowledge([second]);

      expect(await cache.countPending(100)).toBe(0);
      expect(await cache.countPending(0)).toBe(1);
    });
  });
}
