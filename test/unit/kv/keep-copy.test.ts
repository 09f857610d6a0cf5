import { describe, expect, it } from "@jest/globals";
import { MemoryCache } from "../../../src/cache/drivers/memory/memory-cache.ts";
import { keepCopy } from "../../../src/kv/keep-copy.ts";
import { entryOf, tombstoneOf, versionNo } from "../../contract/entries.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const openCache = () =>
  new MemoryCache({ clock: new ManualClock(), random: new SeededRandom(1), maxBytes: 1024 * 1024 });

describe("keepCopy", () => {
  it("keeps what the store has said, under the mark of that moment", () => {
    const cache = openCache();
    const entry = entryOf();

    keepCopy(cache, "user:1", { entry, from: "shadow", stamp: 7 });

    expect(cache.get("user:1")).toEqual({ entry, stamp: 7 });
  });

  it("goes by the mark of the read where there is one", () => {
    const cache = openCache();
    const entry = entryOf();

    keepCopy(cache, "user:1", { entry, from: "shadow", stamp: 7 }, 8);

    expect(cache.get("user:1")?.stamp).toBe(8);
  });

  it("forgets a copy of what the store has deleted, or does not have", () => {
    const cache = openCache();
    const tombstone = tombstoneOf({ version: versionNo(2) });
    cache.put(entryOf(), 1);
    keepCopy(cache, "user:1", { entry: tombstone, from: "outbox", stamp: 2 });
    const deleted = cache.get("user:1");
    cache.put(entryOf(), 3);

    keepCopy(cache, "user:1", undefined, 4);

    expect([deleted, cache.get("user:1")]).toEqual([undefined, undefined]);
  });

  it("does not go back to an older version", () => {
    const cache = openCache();
    const newer = entryOf({ version: versionNo(2) });
    cache.put(newer, 1);

    keepCopy(cache, "user:1", { entry: entryOf(), from: "shadow", stamp: 1 });

    expect(cache.get("user:1")?.entry).toEqual(newer);
  });
});
