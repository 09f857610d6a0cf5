import { describe, expect, it } from "@jest/globals";
import { FIRST_EPOCH, formatVersion, seqOf } from "../../../src/model/version.ts";
import { setOf } from "../commands.ts";
import { MINUTE_MS, type OpenCacheAuthorityHarness, openedForEach } from "./harness.ts";
import { writeClean } from "./steps.ts";

export function describePolicy(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("policy", () => {
    it.each([
      ["noeviction", true],
      ["volatile-lru", true],
      ["volatile-lfu", true],
      ["volatile-ttl", true],
      ["volatile-random", true],
      ["allkeys-lru", false],
      ["allkeys-lfu", false],
      ["allkeys-random", false],
    ])("%s: unsynced writes are held: %s", async (maxmemoryPolicy, pinned) => {
      const { cache } = await open({ maxmemoryPolicy });

      expect(cache.policy).toMatchObject({ maxmemoryPolicy, pinned });
      expect(await cache.write(setOf())).toMatchObject({ pinned });
    });

    it("is not known before the first connection, and followed when asked anew", async () => {
      const { raw, openAnother } = await open();
      const another = await openAnother();
      expect(another.policy).toBeUndefined();
      await another.bindStore(undefined);
      expect(another.policy).toMatchObject({ maxmemoryPolicy: "noeviction", maxmemoryBytes: 0 });
      await raw.setPolicy("allkeys-lru");

      expect(await another.refreshPolicy()).toMatchObject({ pinned: false });

      expect(another.policy?.maxmemoryPolicy).toBe("allkeys-lru");
      expect(await another.write(setOf())).toMatchObject({ pinned: false });
    });
  });

  describe("provesRemoval", () => {
    it("does where nothing is ever evicted", async () => {
      const { cache } = await open();
      const { version } = await writeClean(cache);

      expect(await cache.provesRemoval("user:1", version)).toBe(true);
    });

    it("never does where something could have been evicted, or could until now", async () => {
      const { cache, raw } = await open({ maxmemoryPolicy: "volatile-lru" });
      const { version } = await writeClean(cache);
      expect(await cache.provesRemoval("user:1", version)).toBe(false);
      await raw.setPolicy("noeviction");
      await cache.refreshPolicy();
      await raw.setPolicy("allkeys-lru");

      expect(await cache.provesRemoval("user:1", version)).toBe(false);
    });

    it("does not once the policy was seen to be another in this run", async () => {
      const { cache, raw } = await open();
      const { version } = await writeClean(cache);
      await raw.setPolicy("allkeys-lru");
      await cache.refreshPolicy();
      await raw.setPolicy("noeviction");
      await cache.refreshPolicy();

      expect(await cache.provesRemoval("user:1", version)).toBe(false);
    });

    it("does not for a version of another epoch", async () => {
      const { cache } = await open();
      const { version } = await writeClean(cache);
      const other = formatVersion(FIRST_EPOCH + 1, seqOf(version) + MINUTE_MS);

      expect(await cache.provesRemoval("user:1", other)).toBe(false);
    });
  });
}
