import { describe, expect, it } from "@jest/globals";
import { contentHash, shortHash } from "../../../src/model/content-hash.ts";
import { epochOf, FIRST_EPOCH, isVersion, seqOf, writtenAtMs } from "../../../src/model/version.ts";
import { deleteOf, setOf } from "../commands.ts";
import { entryOf, ODD_KEYS, ODD_VALUES } from "../entries.ts";
import { MINUTE_MS, type OpenCacheAuthorityHarness, observeOne, openedForEach } from "./harness.ts";
import { leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

export function describeWriting(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("write", () => {
    it("tells the whole entry, with a version of the cache's clock", async () => {
      const { cache, nowMs } = await open();
      const beforeMs = await nowMs();

      const written = await cache.write(
        setOf({ ttlMs: 5000, sessionId: "session", interactionId: "interaction" }),
      );

      if (written.outcome !== "written") throw new Error("The write was refused.");
      const { version, expiresAtMs } = written.entry;
      expect(isVersion(version)).toBe(true);
      expect(epochOf(version)).toBe(FIRST_EPOCH);
      expect(writtenAtMs(version)).toBeGreaterThanOrEqual(beforeMs);
      expect(writtenAtMs(version)).toBeLessThanOrEqual(await nowMs());
      expect(expiresAtMs).toBe(writtenAtMs(version) + 5000);
      expect(written.entry).toEqual(
        entryOf({
          version,
          value: "new",
          expiresAtMs,
          sessionId: "session",
          interactionId: "interaction",
        }),
      );
    });

    it("keeps value, meta and writer without TTL, also where the value itself has one", async () => {
      const { cache } = await open();

      const entry = await writeEntry(cache, {
        ttlMs: 5000,
        sessionId: 's|"\n',
        interactionId: "😀",
      });

      const seen = await observeOne(cache);
      expect(seen).toMatchObject({
        value: { text: "new", isText: true, hash: contentHash("new") },
        foreignType: undefined,
        markerSeq: seqOf(entry.version),
        ttlMs: null,
        metaTtlMs: null,
      });
      expect(seen.meta).toEqual({
        version: entry.version,
        shortHash: shortHash(contentHash("new")),
        expiresAtMs: entry.expiresAtMs,
        tombstone: false,
        sessionId: 's|"\n',
        interactionId: "😀",
      });
    });

    it("keeps one writer's id without the other", async () => {
      const { cache } = await open();
      await writeEntry(cache, { key: "a", sessionId: "session" });
      await writeEntry(cache, { key: "b", interactionId: "" });

      const [a, b] = await cache.observe(["a", "b"]);

      expect(a?.meta).toMatchObject({ sessionId: "session", interactionId: null });
      expect(b?.meta).toMatchObject({ sessionId: null, interactionId: "" });
    });

    it("takes the TTLs of a clean copy, and of a foreign value, away again", async () => {
      const { cache, raw } = await open({ residencyMs: MINUTE_MS });
      await writeClean(cache, { key: "clean", ttlMs: MINUTE_MS });
      await raw.set("foreign", "value", { ttlMs: MINUTE_MS });

      for (const key of ["clean", "foreign"]) await writeEntry(cache, { key });

      for (const seen of await cache.observe(["clean", "foreign"])) {
        expect(seen).toMatchObject({ ttlMs: null, metaTtlMs: null });
        expect(seen.markerSeq).toBeDefined();
      }
    });

    it("leaves the marker at the oldest write that the shadow does not have", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache);

      await writeEntry(cache);
      await writeTombstone(cache);

      expect((await observeOne(cache)).markerSeq).toBe(seqOf(first.version));
    });

    it("holds the write by a marker where no key without TTL is ever evicted", async () => {
      const { cache } = await open({ maxmemoryPolicy: "volatile-lru" });

      const written = await cache.write(setOf());

      expect(written).toMatchObject({ outcome: "written", pinned: true });
      expect((await observeOne(cache)).markerSeq).toBeDefined();
    });

    it("marks nothing where any key may be evicted, and says so", async () => {
      const { cache } = await open({ maxmemoryPolicy: "allkeys-lru" });

      const written = await cache.write(setOf({ ttlMs: 5000 }));
      await cache.write(deleteOf({ key: "deleted" }));

      expect(written).toMatchObject({ outcome: "written", pinned: false });
      const [seen, deleted] = await cache.observe(["user:1", "deleted"]);
      expect(seen).toMatchObject({ markerSeq: undefined, ttlMs: null, metaTtlMs: null });
      expect(deleted).toMatchObject({ markerSeq: undefined, meta: { tombstone: true } });
      expect(await cache.countPending(0)).toBe(0);
    });

    it("writes a delete as a tombstone without value, also of a key that was never there", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache);

      for (const key of ["user:1", "never there"]) {
        const entry = await writeTombstone(cache, { key, sessionId: "session" });

        expect(entry).toMatchObject({ key, value: null, hash: "", expiresAtMs: null });
        expect(await raw.get(key)).toBeNull();
        const seen = await observeOne(cache, key);
        expect(seen).toMatchObject({ value: undefined, metaTtlMs: null });
        expect(seen.meta).toEqual({
          version: entry.version,
          shortHash: "",
          expiresAtMs: null,
          tombstone: true,
          sessionId: "session",
          interactionId: null,
        });
        expect(seen.markerSeq).toBeDefined();
      }
    });

    it("voids the fill lease, so that a reader cannot cover the write", async () => {
      const { cache } = await open();
      const set = await leaseOf(cache, "set");
      const deleted = await leaseOf(cache, "deleted");
      await writeClean(cache, { key: "set" });
      await writeTombstone(cache, { key: "deleted" });

      expect(await cache.takeLease("set")).toBeDefined();
      expect(await cache.takeLease("deleted")).toBeDefined();
      expect(set).not.toBe(deleted);
    });

    it("overwrites a value that another program put there, whatever its bytes", async () => {
      const { cache, raw } = await open();
      await raw.set("user:1", Buffer.from([0xff, 0x00, 0xfe]));

      await writeEntry(cache, { value: "ours" });

      expect(String(await raw.get("user:1"))).toBe("ours");
    });

    it.each(ODD_VALUES)(
      "puts a value of %s at the user's key byte for byte",
      async (_name, value) => {
        const { cache, raw } = await open();

        await writeClean(cache, { value });

        expect((await raw.get("user:1"))?.equals(Buffer.from(value))).toBe(true);
        const seen = await observeOne(cache);
        expect(seen.value?.text === value).toBe(true);
        expect(seen.meta?.shortHash).toBe(shortHash(contentHash(value)));
      },
    );

    it.each(ODD_KEYS)("puts a key with %s where another program finds it", async (_name, key) => {
      const { cache, raw } = await open();

      const entry = await writeEntry(cache, { key, value: "first" });
      expect(String(await raw.get(key))).toBe("first");
      expect(await cache.pendingOlderThan({ ageMs: 0, limit: 10 })).toEqual([key]);
      expect(await cache.acknowledge([entry])).toEqual(["clean"]);
      await writeTombstone(cache, { key });

      expect(await raw.get(key)).toBeNull();
      expect((await observeOne(cache, key)).meta?.tombstone).toBe(true);
    });

    it("keeps two keys of one hash tag apart", async () => {
      const { cache } = await open();
      const one = await writeEntry(cache, { key: "{tag}:one", value: "1" });
      const two = await writeEntry(cache, { key: "{tag}:two", value: "2" });

      await cache.acknowledge([one]);
      await writeTombstone(cache, { key: "{tag}:one" });

      const [first, second] = await cache.observe(["{tag}:one", "{tag}:two"]);
      expect(first).toMatchObject({ value: undefined, meta: { tombstone: true } });
      expect(second).toMatchObject({ value: { text: "2" }, markerSeq: seqOf(two.version) });
    });
  });
}
