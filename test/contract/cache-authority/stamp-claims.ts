import { describe, expect, it } from "@jest/globals";
import type { Entry } from "../../../src/model/entry.ts";
import { entryOf, tombstoneOf, versionNo } from "../entries.ts";
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

export function describeStamping(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("stamp", () => {
    it("gives an equal value its meta and the deadline of the shadow, and keeps the value", async () => {
      const { cache, raw, nowMs } = await open();
      const ending = { ...shadow, key: "ending", expiresAtMs: (await nowMs()) + MINUTE_MS };
      for (const entry of [shadow, ending]) {
        await raw.set(entry.key, entry.value!, { ttlMs: HOUR_MS });

        expect(await cache.stamp(entry, await leaseOf(cache, entry.key))).toBe("stamped");
      }

      const [forEver, ends] = await cache.observe(["user:1", "ending"]);
      expect(forEver).toMatchObject({
        value: { text: "of the shadow" },
        meta: { version: shadow.version, sessionId: null, tombstone: false },
        ttlMs: null,
        metaTtlMs: null,
      });
      expect(endsAt(ends!, ending.expiresAtMs)).toBe(true);
      expect(ends!.metaTtlMs).toBe(ends!.ttlMs);
    });

    const hindrances: readonly (readonly [string, Hindrance])[] = [
      ["the lease ran out", ({ raw }) => raw.endLease("user:1")],
      ["the value has become another", ({ raw }) => raw.append("user:1", "!")],
      ["the value is gone", ({ raw }) => raw.del("user:1")],
      ["a write came", ({ cache }) => writeEntry(cache, { value: "of the shadow" })],
      ["the key was deleted", ({ cache }) => writeTombstone(cache)],
    ];
    it.each(hindrances)("does nothing where %s", async (_name, hinder) => {
      const harness = await open();
      const { cache, raw } = harness;
      await raw.set("user:1", "of the shadow");
      const token = await leaseOf(cache);
      await hinder(harness);
      const before = await observeOne(cache);

      expect(await cache.stamp(shadow, token)).toBe("skipped");

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("does nothing where a marker or a meta stands, even an older one", async () => {
      const { cache, raw } = await open();
      const marked = await writeEntry(cache, { key: "marked" });
      await raw.forgetMeta("marked");
      const known = await writeClean(cache, { key: "known" });

      for (const { key, version, value } of [marked, known]) {
        const before = await observeOne(cache, key);
        const entry = entryOf({ key, version: later(version), value });

        expect(await cache.stamp(entry, await leaseOf(cache, key))).toBe("skipped");
        expect(stateOf(await observeOne(cache, key))).toEqual(stateOf(before));
      }
    });

    it("does nothing for an entry that has expired or is a tombstone", async () => {
      const { cache, raw, nowMs } = await open();
      const expired: Entry = { ...shadow, key: "expired", expiresAtMs: (await nowMs()) - 1 };
      for (const entry of [expired, tombstoneOf({ key: "deleted", version: versionNo(2) })]) {
        await raw.set(entry.key, "of the shadow");

        expect(await cache.stamp(entry, await leaseOf(cache, entry.key))).toBe("skipped");
        expect((await observeOne(cache, entry.key)).meta).toBeUndefined();
        expect(String(await raw.get(entry.key))).toBe("of the shadow");
      }
    });
  });
}
