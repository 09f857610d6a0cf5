import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { formatVersion, seqOf } from "../../../src/model/version.ts";
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
import { later, leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

export function describeAcknowledging(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("acknowledge, with the version of the copy", () => {
    it("makes the copy clean: marker and writer go, value and version stay", async () => {
      const { cache } = await open();
      const entry = await writeEntry(cache, { sessionId: "session", interactionId: "i" });

      expect(await cache.acknowledge([entry])).toEqual(["clean"]);

      expect(await observeOne(cache)).toMatchObject({
        value: { text: "new" },
        meta: { version: entry.version, sessionId: null, interactionId: null },
        markerSeq: undefined,
        ttlMs: null,
        metaTtlMs: null,
      });
      expect(await cache.countPending(0)).toBe(0);
    });

    it("lets value and meta end at the value's own deadline", async () => {
      const { cache } = await open();
      const entry = await writeEntry(cache, { ttlMs: MINUTE_MS });

      await cache.acknowledge([entry]);

      const { ttlMs, metaTtlMs, nowMs, meta } = await observeOne(cache);
      expect(endsAt({ nowMs, ttlMs }, entry.expiresAtMs)).toBe(true);
      expect(metaTtlMs).toBe(ttlMs);
      expect(meta?.expiresAtMs).toBe(entry.expiresAtMs);
    });

    it("really ends both then", async () => {
      const { cache, raw, elapse } = await open();
      await writeClean(cache, { ttlMs: 30 });

      await elapse(60);

      expect(await raw.get("user:1")).toBeNull();
      expect(await observeOne(cache)).toMatchObject({ value: undefined, meta: undefined });
    });

    it("ends a value at once whose deadline has passed while it was pending", async () => {
      const { cache, raw, elapse } = await open();
      const entry = await writeEntry(cache, { ttlMs: 20 });
      await elapse(40);
      expect(String(await raw.get("user:1"))).toBe("new");

      expect(await cache.acknowledge([entry])).toEqual(["clean"]);

      expect(await raw.get("user:1")).toBeNull();
      expect(await observeOne(cache)).toMatchObject({ meta: undefined, markerSeq: undefined });
    });

    it("lets a clean copy stay for the residency time, or to its own deadline if that is nearer", async () => {
      const { cache } = await open({ residencyMs: HOUR_MS });
      await writeClean(cache, { key: "for ever" });
      await writeClean(cache, { key: "nearer", ttlMs: MINUTE_MS });
      await writeClean(cache, { key: "farther", ttlMs: 24 * HOUR_MS });

      const [forEver, nearer, farther] = await cache.observe(["for ever", "nearer", "farther"]);

      for (const seen of [forEver!, farther!]) {
        expect(seen.ttlMs).toBeGreaterThan(HOUR_MS - MINUTE_MS);
        expect(seen.ttlMs).toBeLessThanOrEqual(HOUR_MS);
      }
      expect(nearer!.ttlMs).toBeLessThanOrEqual(MINUTE_MS);
      for (const seen of [forEver!, nearer!, farther!]) expect(seen.metaTtlMs).toBe(seen.ttlMs);
      expect(forEver!.meta?.expiresAtMs).toBeNull();
    });

    it.each(["volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random"])(
      "gives a clean value a far TTL under %s, or nothing could ever be evicted",
      async (maxmemoryPolicy) => {
        const { cache } = await open({ maxmemoryPolicy });
        await writeClean(cache);

        const { ttlMs, metaTtlMs, meta } = await observeOne(cache);

        expect(ttlMs).toBeGreaterThan(30 * 24 * HOUR_MS);
        expect(metaTtlMs).toBe(ttlMs);
        expect(meta?.expiresAtMs).toBeNull();
      },
    );

    it("lets a tombstone be remembered for the grace time, whatever the residency", async () => {
      const { cache, raw } = await open({ residencyMs: 1000 });
      const entry = await writeTombstone(cache, { sessionId: "session" });

      expect(await cache.acknowledge([entry])).toEqual(["clean"]);

      const seen = await observeOne(cache);
      expect(seen.meta).toMatchObject({ tombstone: true, sessionId: null });
      expect(seen.metaTtlMs).toBeGreaterThan(GRACE_MS / 2);
      expect(seen.metaTtlMs).toBeLessThanOrEqual(GRACE_MS);
      expect(seen.markerSeq).toBeUndefined();
      expect(await raw.get("user:1")).toBeNull();
    });

    it("says so again, and changes nothing, when it is told twice", async () => {
      const { cache } = await open();
      const entry = await writeClean(cache, { ttlMs: MINUTE_MS });
      const before = await observeOne(cache);

      expect(await cache.acknowledge([entry])).toEqual(["clean"]);

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("does not bring back a value that was removed meanwhile", async () => {
      const { cache, raw } = await open({ residencyMs: MINUTE_MS });
      const entry = await writeEntry(cache);
      await raw.del("user:1");

      expect(await cache.acknowledge([entry])).toEqual(["clean"]);

      expect(await observeOne(cache)).toMatchObject({ value: undefined, markerSeq: undefined });
    });
  });

  describe("acknowledge, with an older version than the copy", () => {
    it("leaves the copy held, and moves the marker just above it", async () => {
      const { cache } = await open({ residencyMs: MINUTE_MS });
      const first = await writeEntry(cache, { value: "first" });
      const second = await writeEntry(cache, { value: "second", sessionId: "session" });
      await writeEntry(cache, { value: "third", sessionId: "session" });

      expect(await cache.acknowledge([first])).toEqual(["newer"]);
      expect((await observeOne(cache)).markerSeq).toBe(seqOf(first.version) + 1);
      expect(await cache.acknowledge([second])).toEqual(["newer"]);

      expect(await observeOne(cache)).toMatchObject({
        value: { text: "third" },
        meta: { sessionId: "session" },
        markerSeq: seqOf(second.version) + 1,
        ttlMs: null,
        metaTtlMs: null,
      });
    });

    it("never moves the marker back, when acknowledgements come in another order", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache);
      const second = await writeEntry(cache);
      await writeEntry(cache);

      await cache.acknowledge([second]);
      expect(await cache.acknowledge([first])).toEqual(["newer"]);

      expect((await observeOne(cache)).markerSeq).toBe(seqOf(second.version) + 1);
    });

    it("marks no copy that is clean", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache);
      await writeClean(cache);

      expect(await cache.acknowledge([first])).toEqual(["newer"]);

      expect((await observeOne(cache)).markerSeq).toBeUndefined();
    });
  });

  describe("acknowledge, with a newer version than the copy", () => {
    it("drops the copy with its marker, a tombstone too", async () => {
      const { cache, raw } = await open();
      const pending = await writeEntry(cache, { key: "pending" });
      const clean = await writeClean(cache, { key: "clean" });
      const deleted = await writeTombstone(cache, { key: "deleted" });

      const told = await cache.acknowledge(
        [pending, clean, deleted].map(({ key, version }) => ({ key, version: later(version) })),
      );

      expect(told).toEqual(["dropped", "dropped", "dropped"]);
      for (const seen of await cache.observe(["pending", "clean", "deleted"])) {
        expect(seen).toMatchObject({ value: undefined, meta: undefined, markerSeq: undefined });
        expect(await raw.get(seen.key)).toBeNull();
      }
    });

    it("counts a later epoch as newer, whatever its seq", async () => {
      const { cache } = await open();
      await writeEntry(cache);

      const told = await cache.acknowledge([
        { key: "user:1", version: `00000002${"0".repeat(16)}` },
      ]);

      expect(told).toEqual(["dropped"]);
    });
  });

  describe("acknowledge, without a copy", () => {
    it("removes a marker that is not newer, and leaves one that is", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.del("user:1");
      await raw.forgetMeta("user:1");

      const older = { key: "user:1", version: later(entry.version, -1) };
      expect(await cache.acknowledge([older])).toEqual(["absent"]);
      expect((await observeOne(cache)).markerSeq).toBe(seqOf(entry.version));

      expect(await cache.acknowledge([entry])).toEqual(["absent"]);
      expect((await observeOne(cache)).markerSeq).toBeUndefined();
    });

    it("makes nothing of a key that it knows nothing of", async () => {
      const { cache } = await open();
      const elsewhere = await writeEntry(cache, { key: "elsewhere" });

      const told = await cache.acknowledge([{ key: "nothing", version: elsewhere.version }]);

      expect(told).toEqual(["absent"]);
      expect(await observeOne(cache, "nothing")).toMatchObject({
        value: undefined,
        meta: undefined,
        markerSeq: undefined,
      });
    });

    it("leaves a value that has no meta", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.forgetMeta("user:1");

      expect(await cache.acknowledge([entry])).toEqual(["absent"]);

      expect(String(await raw.get("user:1"))).toBe("new");
    });
  });

  describe("acknowledge, of an earlier epoch than the cache's", () => {
    it("drops a value that has no meta, as recovery would have done", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.forgetMeta("user:1");

      const told = await cache.acknowledge([
        { key: "user:1", version: formatVersion(0, seqOf(entry.version)) },
      ]);

      expect(told).toEqual(["absent"]);
      expect(await raw.get("user:1")).toBeNull();
    });
  });

  describe("acknowledge, while a fill is on its way", () => {
    it("voids the lease, so that what was read of the shadow before cannot be filled after the copy is gone", async () => {
      const { cache, raw } = await open();
      const older = await writeClean(cache, { value: "older" });
      const newer = await writeEntry(cache, { value: "newer" });
      const token = await leaseOf(cache);

      await cache.acknowledge([newer]);
      await raw.del("user:1");
      await raw.forgetMeta("user:1");

      expect(await cache.fill(older, token)).toBe("skipped");
      expect((await observeOne(cache)).value).toBeUndefined();
    });

    it("voids it without a copy, too", async () => {
      const { cache } = await open();
      const elsewhere = await writeEntry(cache, { key: "elsewhere" });
      const token = await leaseOf(cache);

      await cache.acknowledge([{ key: "user:1", version: elsewhere.version }]);

      expect(await cache.fill({ ...elsewhere, key: "user:1" }, token)).toBe("skipped");
    });
  });

  describe("acknowledge, of many keys", () => {
    it("answers in the order asked, over all buckets", async () => {
      const { cache } = await open();
      const keys = Array.from({ length: 500 }, (_, at) => `user:${at}`);
      expect(new Set(keys.map(bucketOf)).size).toBe(16);
      const entries = await Promise.all(keys.map((key) => writeEntry(cache, { key })));
      const step = (at: number) => [0, 1, -1][at % 3]!;

      const told = await cache.acknowledge(
        entries.map(({ key, version }, at) => ({ key, version: later(version, step(at)) })),
      );

      expect(told).toEqual(keys.map((_, at) => ["clean", "dropped", "newer"][at % 3]));
      const seen = await cache.observe(keys);
      expect(seen.map(({ key }) => key)).toEqual(keys);
      expect(seen.map(({ meta }) => meta?.version)).toEqual(
        entries.map(({ version }, at) => (at % 3 === 1 ? undefined : version)),
      );
    });

    it("has nothing to say of none", async () => {
      const { cache } = await open();

      expect(await cache.acknowledge([])).toEqual([]);
    });
  });
}
