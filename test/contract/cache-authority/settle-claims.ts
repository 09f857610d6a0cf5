import { describe, expect, it } from "@jest/globals";
import {
  endsAt,
  GRACE_MS,
  HOUR_MS,
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  stateOf,
} from "./harness.ts";
import { later, leaseOf, writeEntry, writeTombstone } from "./steps.ts";

export function describeSettling(openHarness: OpenCacheAuthorityHarness): void {
  const openAny = openedForEach(openHarness);
  const open = (residencyMs?: number) =>
    openAny({
      maxmemoryPolicy: "allkeys-lru",
      ...(residencyMs === undefined ? {} : { residencyMs }),
    });

  describe("settle", () => {
    it("makes a copy of that version clean, with its TTL and without its writer", async () => {
      const { cache } = await open(HOUR_MS);
      const forEver = await writeEntry(cache, { key: "a", sessionId: "session" });
      const ending = await writeEntry(cache, { key: "b", ttlMs: MINUTE_MS });

      expect(await cache.settle("a", forEver.version)).toBe("clean");
      expect(await cache.settle("b", ending.version)).toBe("clean");

      const [a, b] = await cache.observe(["a", "b"]);
      expect(a?.meta).toMatchObject({ version: forEver.version, sessionId: null });
      expect(a?.ttlMs).toBeGreaterThan(MINUTE_MS);
      expect(a?.metaTtlMs).toBe(a?.ttlMs);
      expect(endsAt(b!, ending.expiresAtMs)).toBe(true);
      expect(b?.metaTtlMs).toBe(b?.ttlMs);
    });

    it("lets a tombstone be remembered for the grace time", async () => {
      const { cache } = await open();
      const entry = await writeTombstone(cache);

      expect(await cache.settle("user:1", entry.version)).toBe("clean");

      const seen = await observeOne(cache);
      expect(seen.meta?.tombstone).toBe(true);
      expect(seen.metaTtlMs).toBeGreaterThan(GRACE_MS / 2);
      expect(seen.metaTtlMs).toBeLessThanOrEqual(GRACE_MS);
    });

    it("drops an older copy", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);

      expect(await cache.settle("user:1", later(entry.version))).toBe("dropped");

      expect(await raw.get("user:1")).toBeNull();
      expect((await observeOne(cache)).meta).toBeUndefined();
    });

    it("drops a value without meta, which may be the write before", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.forgetMeta("user:1");

      expect(await cache.settle("user:1", entry.version)).toBe("dropped");

      expect(await raw.get("user:1")).toBeNull();
    });

    it("leaves a newer copy as it is", async () => {
      const { cache } = await open(MINUTE_MS);
      const first = await writeEntry(cache, { value: "first" });
      await writeEntry(cache, { value: "second", sessionId: "session" });
      const before = await observeOne(cache);

      expect(await cache.settle("user:1", first.version)).toBe("newer");

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("voids the lease in every case, so that no reader fills what it saw before", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      for (const version of [entry.version, later(entry.version, -1), later(entry.version)]) {
        const token = await leaseOf(cache);
        await cache.settle("user:1", version);
        await raw.del("user:1");

        const shadow = { ...entry, version: later(entry.version, 5) };
        expect(await cache.fill(shadow, token)).toBe("skipped");
      }
    });
  });

  describe("withdraw", () => {
    it("drops a copy of that version, a tombstone too", async () => {
      const { cache, raw } = await open();
      const set = await writeEntry(cache, { key: "set" });
      const deleted = await writeTombstone(cache, { key: "deleted" });

      for (const { key, version } of [set, deleted]) {
        await cache.withdraw(key, version);

        expect(await raw.get(key)).toBeNull();
        expect((await observeOne(cache, key)).meta).toBeUndefined();
      }
    });

    it("drops a value without meta", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.forgetMeta("user:1");

      await cache.withdraw("user:1", entry.version);

      expect(await raw.get("user:1")).toBeNull();
    });

    it("leaves a newer copy and an older one", async () => {
      const { cache } = await open();
      const entry = await writeEntry(cache);
      const before = await observeOne(cache);

      await cache.withdraw("user:1", later(entry.version));
      await cache.withdraw("user:1", later(entry.version, -1));

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("keeps a copy that has replaced a write of the journal, once the policy has changed", async () => {
      const { cache, raw } = await openAny({ maxmemoryPolicy: "noeviction" });
      await writeEntry(cache);
      await raw.setPolicy("allkeys-lru");
      await cache.refreshPolicy();
      const second = await writeEntry(cache, { value: "second" });

      expect(await cache.withdraw("user:1", second.version)).toBe("kept");

      expect((await observeOne(cache)).value?.text).toBe("second");
    });

    it("voids the lease", async () => {
      const { cache } = await open();
      const entry = await writeEntry(cache);
      const token = await leaseOf(cache);

      await cache.withdraw("user:1", entry.version);

      expect(await cache.fill(entry, token)).toBe("skipped");
      expect((await observeOne(cache)).value).toBeUndefined();
    });
  });
}
