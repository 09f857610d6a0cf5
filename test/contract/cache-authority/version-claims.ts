import { describe, expect, it } from "@jest/globals";
import { seqOf } from "../../../src/model/version.ts";
import { deleteOf, setOf } from "../commands.ts";
import { MINUTE_MS, type OpenCacheAuthorityHarness, observeOne, openedForEach } from "./harness.ts";
import { writeClean, writeEntry, writeTombstone } from "./steps.ts";

export function describeMinting(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("versions", () => {
    it("rise with every write of a bucket, from two connections by turns", async () => {
      const { cache, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(undefined);
      const versions: string[] = [];

      for (let turn = 0; turn < 40; turn += 1) {
        const key = `{bucket}:${turn % 3}`;
        versions.push((await writeEntry(turn % 2 === 0 ? cache : another, { key })).version);
      }

      expect(versions).toEqual([...new Set(versions)].toSorted());
      expect(versions.every((version) => /^\d{24}$/.test(version))).toBe(true);
    });

    it("are all different, and the newest stands, when two connections write at once", async () => {
      const { cache, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(undefined);

      const entries = await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          writeEntry(at % 2 === 0 ? cache : another, { value: `value ${at}` }),
        ),
      );

      const newest = entries.toSorted((one, other) => (one.version < other.version ? 1 : -1))[0];
      expect(new Set(entries.map((entry) => entry.version)).size).toBe(100);
      const seen = await observeOne(cache);
      expect(seen.value?.text).toBe(newest?.value);
      expect(seen.meta?.version).toBe(newest?.version);
    });

    it("go on one by one from the last while the clock is behind it", async () => {
      const { cache, raw, nowMs } = await open();
      const ahead = ((await nowMs()) + MINUTE_MS) * 1000 + 123;
      await raw.setLastSeq("user:1", ahead);

      const seqs: number[] = [];
      for (let turn = 0; turn < 3; turn += 1) seqs.push(seqOf((await writeEntry(cache)).version));

      expect(seqs).toEqual([ahead + 1, ahead + 2, ahead + 3]);
      expect((await observeOne(cache)).markerSeq).toBe(ahead + 1);
    });

    it("do not count refused writes", async () => {
      const { cache, raw } = await open();
      await raw.putOther("{bucket}:list", "list");
      const ahead = 8_000_000_000_000_000;
      await raw.setLastSeq("{bucket}:a", ahead);

      await expect(cache.write(setOf({ key: "{bucket}:list" }))).rejects.toMatchObject({
        code: "KEY_WRONG_TYPE",
      });

      const entry = await writeEntry(cache, { key: "{bucket}:a" });
      expect(seqOf(entry.version)).toBe(ahead + 1);
    });
  });

  describe("existed", () => {
    it("is true where a live value stood, false where none can have, and unknown where the cache held nothing", async () => {
      const { cache, raw, elapse } = await open();
      await writeEntry(cache, { key: "pending" });
      await writeClean(cache, { key: "clean", value: "" });
      await writeClean(cache, { key: "expires later", ttlMs: MINUTE_MS });
      await raw.set("foreign", "value");
      await writeTombstone(cache, { key: "deleted" });
      await writeEntry(cache, { key: "expired", ttlMs: 20 });
      await writeEntry(cache, { key: "pending and removed" });
      await raw.del("pending and removed");
      await writeClean(cache, { key: "evicted" });
      await raw.del("evicted");
      await elapse(40);

      const existed: Record<string, boolean | undefined> = {};
      const keys = ["pending", "clean", "expires later", "foreign"];
      keys.push("deleted", "expired", "pending and removed", "evicted", "nothing");
      for (const key of keys) {
        const written = await cache.write(deleteOf({ key }));
        existed[key] = written.outcome === "written" ? written.existed : undefined;
      }

      expect(existed).toEqual({
        pending: true,
        clean: true,
        "expires later": true,
        foreign: true,
        deleted: false,
        expired: false,
        "pending and removed": false,
        evicted: undefined,
        nothing: undefined,
      });
    });
  });
}
