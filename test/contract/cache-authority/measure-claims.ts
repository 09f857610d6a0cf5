import { describe, expect, it } from "@jest/globals";
import { type OpenCacheAuthorityHarness, openedForEach } from "./harness.ts";
import { writeClean, writeEntry } from "./steps.ts";

const VALUE = "v".repeat(10_000);

export function describeMeasure(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("how full it is", () => {
    it("is told without anything that waits, where nothing does", async () => {
      const { cache } = await open();
      await writeClean(cache, { value: VALUE });

      expect(await cache.measure()).toMatchObject({
        pendingKeys: 0,
        pendingBytes: 0,
        oldestPendingMs: null,
      });
    });

    it("counts what waits by keys and, about, by bytes, and by the age of the oldest", async () => {
      const { cache, elapse } = await open();
      await writeEntry(cache, { key: "key:0", value: VALUE });
      await elapse(300);
      for (let at = 1; at < 100; at += 1)
        await writeEntry(cache, { key: `key:${at}`, value: VALUE });
      await writeEntry(cache, { key: "key:0", value: VALUE });
      await writeClean(cache, { key: "clean", value: VALUE });

      const { pendingKeys, pendingBytes, oldestPendingMs } = await cache.measure();

      expect(pendingKeys).toBe(100);
      expect(pendingBytes).toBeGreaterThanOrEqual(100 * VALUE.length);
      expect(pendingBytes).toBeLessThan(110 * VALUE.length);
      expect(oldestPendingMs).toBeGreaterThanOrEqual(300);
    });

    it("is in bytes, all of which stay under noeviction", async () => {
      const { cache } = await open({ maxmemoryPolicy: "noeviction" });
      const before = await cache.measure();

      await writeClean(cache, { value: "v".repeat(1024 * 1024) });

      const { usedBytes = 0, heldBytes } = await cache.measure();
      expect(usedBytes - (before.usedBytes ?? 0)).toBeGreaterThanOrEqual(1024 * 1024);
      expect(heldBytes).toBe(usedBytes);
    });

    it("holds nothing where anything may be evicted", async () => {
      const { cache } = await open({ maxmemoryPolicy: "allkeys-lru" });

      expect((await cache.measure()).heldBytes).toBeUndefined();
    });
  });
}
