import { describe, expect, it } from "@jest/globals";
import { entryOf, ODD_KEYS, ODD_VALUES, tombstoneOf } from "../entries.ts";
import {
  type CacheAuthorityHarness,
  endsAt,
  HOUR_MS,
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  stateOf,
} from "./harness.ts";
import { later, leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

type Hindrance = (harness: CacheAuthorityHarness) => Promise<unknown>;

/** What the shadow has: any version that this cache minted is newer. */
const shadow = entryOf({ value: "of the shadow", sessionId: "session" });

export function describeFilling(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("takeLease", () => {
    it("gives a token to one at a time, and others have to do without", async () => {
      const { cache, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(undefined);

      const tokens = await Promise.all(
        Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? cache : another).takeLease("user:1")),
      );

      expect(tokens.filter((token) => token !== undefined)).toHaveLength(1);
      expect(await cache.takeLease("user:2")).toBeDefined();
    });

    it("holds for three seconds and then passes on, with another token", async () => {
      const { cache, raw, nowMs } = await open();
      const beforeMs = await nowMs();
      const first = await leaseOf(cache);

      expect(await cache.takeLease("user:1")).toBeUndefined();
      const leftMs = await raw.leaseMsLeft("user:1");
      const tookMs = (await nowMs()) - beforeMs;
      expect(leftMs).toBeLessThanOrEqual(3000);
      expect(leftMs).toBeGreaterThanOrEqual(3000 - tookMs - 1);
      await raw.endLease("user:1");

      const second = await leaseOf(cache);
      expect(second).not.toBe(first);
      expect(await cache.fill(shadow, first)).toBe("skipped");
      expect(await cache.fill(shadow, second)).toBe("filled");
    });

    it("leaves no trace of a key that has nothing else", async () => {
      const { cache } = await open();
      await leaseOf(cache);

      expect(await cache.scan({ limit: 1000 })).toMatchObject({ keys: [] });
    });
  });

  describe("fill", () => {
    it("puts the entry there as a clean copy, under the shadow's version and without its writer", async () => {
      const { cache, raw } = await open();

      expect(await cache.fill(shadow, await leaseOf(cache))).toBe("filled");

      expect(String(await raw.get("user:1"))).toBe("of the shadow");
      expect(await observeOne(cache)).toMatchObject({
        value: { text: "of the shadow", hash: shadow.hash },
        meta: {
          version: shadow.version,
          shortHash: shadow.hash.slice(0, 32),
          expiresAtMs: null,
          tombstone: false,
          sessionId: null,
          interactionId: null,
        },
        markerSeq: undefined,
        ttlMs: null,
        metaTtlMs: null,
      });
    });

    it("lets value and meta end together, at the nearer of deadline and residency", async () => {
      const { cache, nowMs } = await open({ residencyMs: HOUR_MS });
      const now = await nowMs();
      const nearer = entryOf({ key: "nearer", expiresAtMs: now + MINUTE_MS });
      const farther = entryOf({ key: "farther", expiresAtMs: now + 24 * HOUR_MS });
      for (const entry of [nearer, farther]) {
        await cache.fill(entry, await leaseOf(cache, entry.key));
      }

      const [ends, resides] = await cache.observe(["nearer", "farther"]);

      expect(endsAt(ends!, nearer.expiresAtMs)).toBe(true);
      expect(ends!.metaTtlMs).toBe(ends!.ttlMs);
      expect(resides!.ttlMs).toBeLessThanOrEqual(HOUR_MS);
      expect(resides!.ttlMs).toBeGreaterThan(HOUR_MS - MINUTE_MS);
      expect(resides!.metaTtlMs).toBe(resides!.ttlMs);
      expect(resides!.meta?.expiresAtMs).toBe(farther.expiresAtMs);
    });

    it("gives a far TTL under volatile-*", async () => {
      const { cache } = await open({ maxmemoryPolicy: "volatile-lru" });

      await cache.fill(shadow, await leaseOf(cache));

      const { ttlMs, metaTtlMs } = await observeOne(cache);
      expect(ttlMs).toBeGreaterThan(30 * 24 * HOUR_MS);
      expect(metaTtlMs).toBe(ttlMs);
    });

    it("replaces the meta of an older or equal version whose value is gone", async () => {
      const { cache, raw } = await open();
      const entry = await writeClean(cache);
      for (const version of [entry.version, later(entry.version)]) {
        await raw.del("user:1");

        expect(await cache.fill({ ...entry, version }, await leaseOf(cache))).toBe("filled");
        expect((await observeOne(cache)).meta?.version).toBe(version);
      }
    });

    it.each([...ODD_VALUES])("keeps a value of %s byte for byte", async (_name, value) => {
      const { cache, raw } = await open();

      expect(await cache.fill(entryOf({ value }), await leaseOf(cache))).toBe("filled");

      expect((await raw.get("user:1"))?.equals(Buffer.from(value))).toBe(true);
    });

    it.each([...ODD_KEYS])("fills a key with %s", async (_name, key) => {
      const { cache, raw } = await open();

      expect(await cache.fill(entryOf({ key }), await leaseOf(cache, key))).toBe("filled");

      expect(String(await raw.get(key))).toBe("a value");
    });

    const hindrances: readonly (readonly [string, Hindrance])[] = [
      ["the lease ran out", ({ raw }) => raw.endLease("user:1")],
      ["a write came and an eviction took all of it", writeAndEvict],
      ["the value was written meanwhile", ({ cache }) => writeClean(cache)],
      ["the key was deleted meanwhile", ({ cache }) => writeTombstone(cache)],
      ["another program's value stands there", ({ raw }) => raw.set("user:1", "")],
    ];
    it.each(hindrances)("does nothing where %s", async (_name, hinder) => {
      const harness = await open();
      const { cache } = harness;
      const token = await leaseOf(cache);
      await hinder(harness);
      const before = await observeOne(cache);

      expect(await cache.fill(shadow, token)).toBe("skipped");

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    const standing: readonly (readonly [string, Hindrance])[] = [
      ["a marker stands, though value and meta are gone", markerAlone],
      ["the meta is of a newer version", newerMetaAlone],
      ["the meta is of a newer tombstone", ({ cache }) => writeTombstone(cache)],
    ];
    it.each(standing)("does nothing, even under the lease, where %s", async (_name, prepare) => {
      const harness = await open();
      const { cache } = harness;
      await prepare(harness);
      const before = await observeOne(cache);

      expect(await cache.fill(shadow, await leaseOf(cache))).toBe("skipped");

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("does nothing after a write whose copy was evicted at once, not acknowledged by anyone", async () => {
      const { cache, raw } = await open({ maxmemoryPolicy: "allkeys-lru" });
      const token = await leaseOf(cache);
      await writeEntry(cache);
      await raw.del("user:1");
      await raw.forgetMeta("user:1");

      expect(await cache.fill(entryOf(), token)).toBe("skipped");
    });

    it("does nothing with another's token, and leaves the lease to the other", async () => {
      const { cache } = await open();
      const token = await leaseOf(cache);

      expect(await cache.fill(shadow, "another token")).toBe("skipped");

      expect(await cache.fill(shadow, token)).toBe("filled");
    });

    it("does nothing with an entry that has expired by the cache's clock, or is a tombstone", async () => {
      const { cache, nowMs } = await open();
      const expired = entryOf({ expiresAtMs: await nowMs() });
      for (const entry of [expired, tombstoneOf()]) {
        const token = await leaseOf(cache, "user:1");

        expect(await cache.fill(entry, token)).toBe("skipped");
        expect(await observeOne(cache)).toMatchObject({ value: undefined, meta: undefined });
        await cache.withdraw("user:1", entry.version);
      }
    });

    it("uses the lease up", async () => {
      const { cache, raw } = await open();
      const token = await leaseOf(cache);
      await cache.fill(shadow, token);
      await raw.del("user:1");

      expect(await cache.fill(shadow, token)).toBe("skipped");
      expect(await cache.takeLease("user:1")).toBeDefined();
    });
  });
}

async function writeAndEvict({ cache, raw }: CacheAuthorityHarness): Promise<void> {
  await writeClean(cache);
  await raw.del("user:1");
  await raw.forgetMeta("user:1");
}

async function markerAlone({ cache, raw }: CacheAuthorityHarness): Promise<void> {
  await writeEntry(cache);
  await raw.del("user:1");
  await raw.forgetMeta("user:1");
}

async function newerMetaAlone({ cache, raw }: CacheAuthorityHarness): Promise<void> {
  await writeClean(cache);
  await raw.del("user:1");
}
