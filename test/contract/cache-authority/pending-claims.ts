import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { seqOf } from "../../../src/model/version.ts";
import { MINUTE_MS, type OpenCacheAuthorityHarness, openedForEach } from "./harness.ts";
import { writeEntry, writeTombstone } from "./steps.ts";

export function describePending(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("pending keys", () => {
    it("are counted and named by the age of their oldest write, over all buckets", async () => {
      const { cache, raw } = await open();
      const old = Array.from({ length: 40 }, (_, at) => `old:${at}`);
      expect(new Set(old.map(bucketOf)).size).toBeGreaterThan(10);
      for (const key of old) {
        await writeEntry(cache, { key });
        await raw.backdateMarker(key, 30 * MINUTE_MS);
      }
      await writeEntry(cache, { key: "old:7" });
      await writeTombstone(cache, { key: "young" });

      expect(await cache.countPending(0)).toBe(41);
      expect(await cache.countPending(10 * MINUTE_MS)).toBe(40);
      expect(await cache.countPending(60 * MINUTE_MS)).toBe(0);
      expect(await cache.pendingOlderThan({ ageMs: 10 * MINUTE_MS, limit: 100 })).toEqual(old);
      expect(await cache.pendingOlderThan({ ageMs: 0, limit: 100 })).toEqual([...old, "young"]);
      expect(await cache.pendingOlderThan({ ageMs: 60 * MINUTE_MS, limit: 100 })).toEqual([]);
    });

    it("tell how far back each bucket's oldest goes", async () => {
      const { cache } = await open();
      expect(await cache.oldestPendingSeqs()).toEqual(new Map());
      const first = await writeEntry(cache, { key: "{one}first" });
      await writeEntry(cache, { key: "{one}second" });
      const other = await writeEntry(cache, { key: "{other}" });
      await writeEntry(cache, { key: "{one}first" });

      expect(await cache.oldestPendingSeqs()).toEqual(
        new Map([
          [bucketOf("{one}"), seqOf(first.version)],
          [bucketOf("{other}"), seqOf(other.version)],
        ]),
      );
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

    it("are named last, whatever the age, where the server's clock has gone back behind their marker", async () => {
      const { cache, raw, nowMs } = await open();
      await writeEntry(cache, { key: "past" });
      await raw.backdateMarker("past", 30 * MINUTE_MS);
      await writeEntry(cache, { key: "soon" });
      // As if the clock had been an hour ahead when the last writes came; not in the same microsecond, where neither comes first.
      for (const [key, aheadMs] of [
        ["future:1", 60 * MINUTE_MS],
        ["future:2", 61 * MINUTE_MS],
      ] as const) {
        await raw.setLastSeq(key, ((await nowMs()) + aheadMs) * 1000);
        await writeEntry(cache, { key });
      }
      const named = (ageMs: number) => cache.pendingOlderThan({ ageMs, limit: 10 });

      expect(await named(10 * MINUTE_MS)).toEqual(["past", "future:1", "future:2"]);
      expect(await named(45 * MINUTE_MS)).toEqual(["future:1", "future:2"]);
      expect(await named(120 * MINUTE_MS)).toEqual([]);
      expect(await cache.countPending(10 * MINUTE_MS)).toBe(1);
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
      const { cache, raw } = await open();
      await writeEntry(cache);
      await raw.backdateMarker("user:1", 30 * MINUTE_MS);
      const second = await writeEntry(cache);
      await writeEntry(cache);
      expect(await cache.countPending(10 * MINUTE_MS)).toBe(1);

      await cache.acknowledge([second]);

      expect(await cache.countPending(10 * MINUTE_MS)).toBe(0);
      expect(await cache.countPending(0)).toBe(1);
    });
  });
}
