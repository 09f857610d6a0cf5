import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import { setOf } from "../commands.ts";
import { type OpenCacheAuthorityHarness, observeOne, openedForEach, STORE_ID } from "./harness.ts";
import { writeEntry } from "./steps.ts";

export function describeBinding(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("bindStore", () => {
    it("finds without an id the store that the cache is tied to, and then works", async () => {
      const { cache, openAnother } = await open();
      const another = await openAnother();
      await writeEntry(cache);

      expect(await another.bindStore(undefined)).toBe("bound");

      expect((await observeOne(another)).value?.text).toBe("new");
    });

    it("says the same however often it is asked", async () => {
      const { cache } = await open();

      expect(await cache.bindStore(STORE_ID)).toBe("bound");
      expect(await cache.bindStore(undefined)).toBe("bound");
    });

    it("calls a new cache free, in which nothing can be written yet", async () => {
      const { raw, openAnother } = await open();
      await raw.lose();
      const another = await openAnother();

      expect(await another.bindStore(undefined)).toBe("free");

      await expect(another.write(setOf())).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(await raw.get("user:1")).toBeNull();
      expect(await another.bindStore("a store")).toBe("bound");
      await writeEntry(another);
    });

    it("refuses every call of a process that brings another store, and changes nothing for the first", async () => {
      const { cache, openAnother } = await open();
      const stranger = await openAnother();
      await writeEntry(cache, { value: "ours" });

      await expect(stranger.bindStore("another store")).rejects.toMatchObject({
        code: "STORE_MISMATCH",
      });

      for (const call of [
        () => stranger.write(setOf()),
        () => stranger.observe(["user:1"]),
        () => stranger.takeLease("user:1"),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_MISMATCH" });
      }
      expect((await observeOne(cache)).value?.text).toBe("ours");
      await writeEntry(cache);
    });

    it("lets a stranger in once it brings the right store", async () => {
      const { openAnother } = await open();
      const stranger = await openAnother();
      await expect(stranger.bindStore("another store")).rejects.toMatchObject({
        code: "STORE_MISMATCH",
      });

      expect(await stranger.bindStore(STORE_ID)).toBe("bound");

      await writeEntry(stranger);
    });

    it("gives a free cache to exactly one of two stores that come at once, and wholly", async () => {
      const { raw, openAnother } = await open();
      for (let round = 0; round < 10; round += 1) {
        await raw.lose();
        const processes = [await openAnother(), await openAnother()] as const;

        const outcomes = await Promise.allSettled(
          processes.map((one, at) => one.bindStore(`store ${at}`)),
        );

        expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
        const winner = processes[outcomes.findIndex(({ status }) => status === "fulfilled")]!;
        await writeToAllBuckets(winner);
      }
    });

    it("lets two processes of one store bind a free cache at once", async () => {
      const { raw, openAnother } = await open();
      await raw.lose();
      const processes = [await openAnother(), await openAnother()];

      const outcomes = await Promise.all(processes.map((one) => one.bindStore("a store")));

      expect(outcomes).toEqual(["bound", "bound"]);
      for (const one of processes) await writeToAllBuckets(one);
    });

    it("lets one of two install an epoch that found the same state, and tells the other", async () => {
      const { cache } = await open();
      const [found] = await cache.buckets.states();

      expect(await cache.buckets.install(found!, 7)).toBe("installed");
      expect(await cache.buckets.install(found!, 8)).toBe("moved");

      expect((await cache.buckets.states())[0]).toMatchObject({ isCurrent: true, epoch: 7 });
    });
  });

  describe("a cache that lost everything", () => {
    it("is tied to the same store again by whichever call comes first", async () => {
      const { cache, raw, openAnother } = await open();
      const calls: readonly (() => Promise<unknown>)[] = [
        () => writeEntry(cache),
        () => cache.observe(["user:1"]),
        () => cache.timesToLive(["user:1"]),
        () => cache.acknowledge([{ key: "user:1", version: "0".repeat(24) }]),
        () => cache.takeLease("user:1"),
      ];
      for (const call of calls) {
        await raw.lose();

        await call();

        const stranger = await openAnother();
        await expect(stranger.bindStore("another store")).rejects.toMatchObject({
          code: "STORE_MISMATCH",
        });
      }
    });

    it("goes on with versions above the ones before", async () => {
      const { cache, raw } = await open();
      const before = await writeEntry(cache);
      await raw.lose();

      const after = await writeEntry(cache);

      expect(after.version > before.version).toBe(true);
    });

    it("refuses a process whose store was not the first to come back", async () => {
      const { cache, raw, openAnother } = await open();
      await raw.lose();
      await (await openAnother()).bindStore("another store");

      await expect(cache.write(setOf())).rejects.toMatchObject({ code: "STORE_MISMATCH" });
      await expect(cache.observe(["user:1"])).rejects.toMatchObject({ code: "STORE_MISMATCH" });
    });

    it("forgets a mismatch: the stranger may have the empty cache", async () => {
      const { raw, openAnother } = await open();
      const stranger = await openAnother();
      await expect(stranger.bindStore("another store")).rejects.toMatchObject({
        code: "STORE_MISMATCH",
      });
      await raw.lose();

      expect(await stranger.bindStore(undefined)).toBe("free");
      await expect(stranger.write(setOf())).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(await stranger.bindStore("another store")).toBe("bound");

      await writeEntry(stranger);
    });
  });
}

async function writeToAllBuckets(cache: CacheAuthorityPort): Promise<void> {
  await Promise.all(
    Array.from({ length: 64 }, (_, at) => writeEntry(cache, { key: `user:${at}` })),
  );
}
