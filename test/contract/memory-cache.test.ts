import { describe, expect, it } from "@jest/globals";
import { ENTRY_OVERHEAD_BYTES, MemoryCache } from "../../src/cache/drivers/memory/memory-cache.ts";
import type { Entry } from "../../src/model/entry.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom, seeded } from "../support/seeded-random.ts";
import { type CacheHarness, describeCacheContract } from "./cache-contract.ts";
import { entryOf, tombstoneOf, versionNo } from "./entries.ts";

const STAMP = 7;

async function openHarness(): Promise<CacheHarness> {
  const clock = new ManualClock();
  const cache = new MemoryCache({ clock, random: new SeededRandom(1), maxBytes: 64 * 1024 * 1024 });
  let writes = 0;
  return {
    cache,
    nowMs: () => clock.nowMs(),
    elapse: (ms) => clock.advance(ms),
    write: async (command) => {
      writes += 1;
      const entry = entryFrom(command, writes, clock.nowMs());
      cache.put(entry, STAMP);
      return entry;
    },
    synced: async () => {},
    changeOutside: async (key, text) => {
      cache.overwriteText(key, text);
    },
    close: () => cache.close(),
  };
}

describeCacheContract("The memory cache", openHarness, { marksPending: false });

describe("The memory cache as a keeper of copies", () => {
  it("gives back the copy with the stamp it was made under", () => {
    const cache = openCache();
    const entry = entryOf();

    expect(cache.put(entry, STAMP)).toBe("kept");

    expect(cache.get("user:1")).toEqual({ entry, stamp: STAMP });
    expect(cache.get("another")).toBeUndefined();
  });

  it("keeps the newest version, in whatever order copies come", () => {
    const cache = openCache();

    expect(cache.put(entryOf({ version: versionNo(2) }), 1)).toBe("kept");
    expect(cache.put(entryOf({ version: versionNo(1) }), 2)).toBe("older");
    expect(cache.get("user:1")).toMatchObject({ entry: { version: versionNo(2) }, stamp: 1 });
    expect(cache.put(tombstoneOf({ version: versionNo(3) }), 3)).toBe("kept");
    expect(cache.get("user:1")).toMatchObject({ entry: { value: null }, stamp: 3 });
  });

  it("renews the stamp of a version that it has", () => {
    const cache = openCache();
    cache.put(entryOf(), 1);

    expect(cache.put(entryOf(), 2)).toBe("kept");

    expect(cache.get("user:1")?.stamp).toBe(2);
  });

  it("forgets what it is told to, and all of it when it is closed", async () => {
    const cache = openCache();
    cache.put(entryOf({ key: "a" }), STAMP);
    cache.put(entryOf({ key: "b" }), STAMP);

    cache.remove("a");
    cache.remove("nothing");

    expect(cache.get("a")).toBeUndefined();
    expect(cache.get("b")).toBeDefined();
    await cache.close();
    expect(cache.get("b")).toBeUndefined();
    expect(await cache.memoryBytes()).toBe(0);
  });

  it("lets the copy go that was least recently used, once it is full", () => {
    const cache = openCache({ maxBytes: 3 * (ENTRY_OVERHEAD_BYTES + 10) });
    for (const key of ["a", "b", "c"]) cache.put(entryOf({ key, value: "12345678" }), STAMP);
    cache.get("a");

    cache.put(entryOf({ key: "d", value: "12345678" }), STAMP);

    expect(["a", "b", "c", "d"].filter((key) => cache.get(key) !== undefined)).toEqual([
      "a",
      "c",
      "d",
    ]);
  });

  it("lets a look by verification not count as use", async () => {
    const cache = openCache({ maxBytes: 2 * (ENTRY_OVERHEAD_BYTES + 10) });
    for (const key of ["a", "b"]) cache.put(entryOf({ key, value: "12345678" }), STAMP);

    await cache.observe(["a"]);
    await cache.timesToLive(["a"]);
    cache.put(entryOf({ key: "c", value: "12345678" }), STAMP);

    expect(cache.get("a")).toBeUndefined();
  });

  it("never leaves an older copy where a newer one was too large to keep", async () => {
    const cache = openCache({ maxBytes: 2000 });
    cache.put(entryOf({ version: versionNo(1) }), STAMP);

    cache.put(entryOf({ version: versionNo(2), value: "x".repeat(2000) }), STAMP);

    expect(cache.get("user:1")).toBeUndefined();
    expect((await cache.scan({ limit: 10 })).keys).toEqual([]);
  });

  it("counts UTF-8 bytes of key and value, and a fixed overhead", async () => {
    const cache = openCache();

    cache.put(entryOf({ key: "😀", value: "éé" }), STAMP);
    cache.put(tombstoneOf({ key: "b" }), STAMP);

    expect(await cache.memoryBytes()).toBe(4 + 4 + 1 + 2 * ENTRY_OVERHEAD_BYTES);
  });

  it("gives an expired copy back, for the caller to judge, and shows no time left", async () => {
    const clock = new ManualClock();
    const cache = openCache({ clock });
    const entry = entryOf({ expiresAtMs: clock.nowMs() + 100 });
    cache.put(entry, STAMP);
    expect(await cache.timesToLive(["user:1"])).toEqual([100]);

    await clock.advance(150);

    expect(cache.get("user:1")?.entry).toEqual(entry);
    const [seen] = await cache.observe(["user:1"]);
    expect(seen).toMatchObject({ value: { text: "a value" }, ttlMs: 0, metaTtlMs: 0 });
    expect(seen?.meta?.expiresAtMs).toBe(entry.expiresAtMs);
    expect(await cache.timesToLive(["user:1"])).toEqual([0]);
  });

  it("serves a text that was overwritten, under the version and stamp of the copy", async () => {
    const cache = openCache();
    const entry = entryOf();
    cache.put(entry, STAMP);

    expect(cache.overwriteText("user:1", "changed")).toBe("overwritten");
    expect(cache.overwriteText("nothing", "changed")).toBe("absent");

    expect(cache.get("user:1")).toEqual({ entry: { ...entry, value: "changed" }, stamp: STAMP });
    expect(cache.put(entry, STAMP)).toBe("kept");
    expect(cache.get("user:1")?.entry).toEqual(entry);
  });

  it("shows a text planted on a tombstone as a value beside a tombstone's meta", async () => {
    const cache = openCache();
    cache.put(tombstoneOf(), STAMP);

    cache.overwriteText("user:1", "planted");

    const [seen] = await cache.observe(["user:1"]);
    expect(seen).toMatchObject({ value: { text: "planted" }, meta: { tombstone: true } });
  });

  it("gives no page of more keys than asked for", async () => {
    const cache = openCache();
    for (let at = 0; at < 25; at += 1) cache.put(entryOf({ key: `user:${at}` }), STAMP);

    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await cache.scan(cursor === undefined ? { limit: 10 } : { cursor, limit: 10 });
      sizes.push(page.keys.length);
      cursor = page.cursor;
    } while (cursor !== undefined);

    expect(sizes).toEqual([10, 10, 5]);
  });

  it(
    "sees each standing key exactly once in a scan, whatever comes and goes meanwhile",
    seeded(async (random) => {
      const cache = openCache({ maxBytes: 300 * (ENTRY_OVERHEAD_BYTES + 20) });
      const standing = Array.from({ length: 100 }, (_, at) => `standing:${at}`);
      for (const key of standing) cache.put(entryOf({ key }), STAMP);

      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const limit = 1 + random.integer(9);
        const page = await cache.scan(cursor === undefined ? { limit } : { cursor, limit });
        seen.push(...page.keys);
        cursor = page.cursor;
        comeAndGo(cache, random);
        // Used, so that none of them is evicted.
        for (const key of standing) cache.get(key);
      } while (cursor !== undefined);

      expect(seen.filter((key) => key.startsWith("standing")).toSorted()).toEqual(
        standing.toSorted(),
      );
    }),
  );
});

function comeAndGo(cache: MemoryCache, random: SeededRandom): void {
  for (let times = 0; times < 10; times += 1) {
    const key = `passing:${random.integer(400)}`;
    if (random.fraction() < 0.4) cache.remove(key);
    else cache.put(entryOf({ key }), STAMP);
  }
}

function openCache({ clock = new ManualClock(), maxBytes = 1024 * 1024 } = {}): MemoryCache {
  return new MemoryCache({ clock, random: new SeededRandom(1), maxBytes });
}

function entryFrom(command: WriteCommand, number: number, nowMs: number): Entry {
  const { key, sessionId, interactionId } = command;
  const written = { key, version: versionNo(number), sessionId, interactionId };
  if (command.op === "delete") return tombstoneOf(written);
  const expiresAtMs = command.ttlMs === null ? null : nowMs + command.ttlMs;
  return entryOf({ ...written, value: command.value, expiresAtMs });
}
