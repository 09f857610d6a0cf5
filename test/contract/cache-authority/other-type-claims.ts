import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import { deleteOf, setOf } from "../commands.ts";
import { entryOf } from "../entries.ts";
import {
  GRACE_MS,
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  OTHER_TYPES,
  observeOne,
  openedForEach,
} from "./harness.ts";
import { later, leaseOf, writeEntry, writeTombstone } from "./steps.ts";

/** Every step that could touch the key, whatever the meta beside it says. */
async function tryEverything(cache: CacheAuthorityPort, version: string): Promise<void> {
  for (const command of [setOf(), deleteOf()]) {
    await expect(cache.write(command)).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });
  }
  await cache.settle("user:1", later(version, -1));
  await cache.withdraw("user:1", later(version));
  const shadow = entryOf({ version: later(version) });
  expect(await cache.fill(shadow, await leaseOf(cache))).toBe("skipped");
  expect(await cache.stamp(shadow, await leaseOf(cache))).toBe("skipped");
  const seen = await observeOne(cache);
  for (const what of ["copy", "copy_and_marker", "marker"] as const) {
    await expect(cache.drop(seen, what)).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });
  }
  await expect(cache.write(setOf(), { seen })).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });
  expect(await cache.acknowledge([{ key: "user:1", version: later(version, -1) }])).toHaveLength(1);
}

export function describeOtherTypes(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe.each([...OTHER_TYPES])("a %s of another program", (type) => {
    it("is named and never read, written, ended or removed where the key was never ours", async () => {
      const { cache, raw } = await open({ residencyMs: MINUTE_MS });
      await raw.putOther("user:1", type);
      const contents = await raw.contentsOf("user:1");
      const elsewhere = await writeEntry(cache, { key: "elsewhere" });

      await tryEverything(cache, elsewhere.version);

      expect(await raw.contentsOf("user:1")).toEqual(contents);
      expect(await observeOne(cache)).toMatchObject({
        value: undefined,
        foreignType: type,
        meta: undefined,
        markerSeq: undefined,
      });
    });

    // What ends our copy must not end what has taken its place: neither a TTL nor a removal.
    it("survives in the place of our value, whatever step comes next", async () => {
      const { cache, raw } = await open({ residencyMs: MINUTE_MS });
      const entry = await writeEntry(cache, { ttlMs: MINUTE_MS });
      await raw.putOther("user:1", type);
      const contents = await raw.contentsOf("user:1");

      await tryEverything(cache, entry.version);
      expect(await raw.contentsOf("user:1")).toEqual(contents);
    });

    it.each([
      ["its own version", 0],
      ["a newer version", 1],
    ])(
      "survives an acknowledgement of %s, which does to meta and marker what it must",
      async (_name, step) => {
        const { cache, raw } = await open({ residencyMs: MINUTE_MS });
        const { key, version } = await writeEntry(cache);
        await raw.putOther("user:1", type);
        const contents = await raw.contentsOf("user:1");

        await cache.acknowledge([{ key, version: later(version, step) }]);

        expect(await raw.contentsOf("user:1")).toEqual(contents);
        expect((await observeOne(cache)).markerSeq).toBeUndefined();
      },
    );

    it("survives settling and withdrawing", async () => {
      const { cache, raw } = await open({ maxmemoryPolicy: "allkeys-lru", residencyMs: MINUTE_MS });
      const entry = await writeEntry(cache, { ttlMs: MINUTE_MS });
      await raw.putOther("user:1", type);
      const contents = await raw.contentsOf("user:1");

      await cache.settle("user:1", entry.version);
      expect(await raw.contentsOf("user:1")).toEqual(contents);
      await cache.settle("user:1", later(entry.version));
      await cache.withdraw("user:1", entry.version);

      expect(await raw.contentsOf("user:1")).toEqual(contents);
    });

    it("survives the end of our tombstone", async () => {
      const { cache, raw } = await open();
      const entry = await writeTombstone(cache);
      await raw.putOther("user:1", type);
      const contents = await raw.contentsOf("user:1");

      await cache.acknowledge([entry]);

      expect(await raw.contentsOf("user:1")).toEqual(contents);
      const seen = await observeOne(cache);
      expect(seen).toMatchObject({ foreignType: type, ttlMs: null });
      expect(seen.metaTtlMs).toBeGreaterThan(GRACE_MS / 2);
    });

    it("is seen by a scan", async () => {
      const { cache, raw } = await open();
      await raw.putOther("user:1", type);
      const seen: string[] = [];

      let cursor: string | undefined;
      do {
        const page = await cache.scan({ limit: 10, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.keys);
        cursor = page.cursor;
      } while (cursor !== undefined);

      expect(seen).toEqual(["user:1"]);
    });
  });
}
