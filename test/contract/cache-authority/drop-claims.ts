import { describe, expect, it } from "@jest/globals";
import type { DropScope } from "../../../src/cache/cache-authority-port.ts";
import {
  type CacheAuthorityHarness,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  stateOf,
} from "./harness.ts";
import { writeClean, writeEntry, writeTombstone } from "./steps.ts";

type Movement = (harness: CacheAuthorityHarness) => Promise<unknown>;

const scopes: readonly DropScope[] = ["copy", "copy_and_marker", "marker"];

export function describeDropping(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("drop", () => {
    it.each([
      ["copy", { value: false, meta: false, marker: true }],
      ["copy_and_marker", { value: false, meta: false, marker: false }],
      ["marker", { value: true, meta: true, marker: false }],
    ] as const)("takes away what %s means, and the rest stays", async (what, left) => {
      const { cache, raw } = await open();
      await writeEntry(cache);

      expect(await cache.drop(await observeOne(cache), what)).toBe("dropped");

      const seen = await observeOne(cache);
      expect({
        value: (await raw.get("user:1")) !== null,
        meta: seen.meta !== undefined,
        marker: seen.markerSeq !== undefined,
      }).toEqual(left);
    });

    it("drops clean copies, tombstones, values without meta, metas and markers alone", async () => {
      const { cache, raw } = await open();
      await writeClean(cache, { key: "clean" });
      await writeTombstone(cache, { key: "deleted" });
      await raw.set("foreign", "value");
      await raw.set("bytes", Buffer.from([0xff, 0x00]));
      await writeClean(cache, { key: "evicted" });
      await raw.del("evicted");
      await writeEntry(cache, { key: "lost" });
      await raw.del("lost");
      await raw.forgetMeta("lost");

      for (const key of ["clean", "deleted", "foreign", "bytes", "evicted", "lost"]) {
        expect(await cache.drop(await observeOne(cache, key), "copy_and_marker")).toBe("dropped");

        const seen = await observeOne(cache, key);
        expect(seen).toMatchObject({ value: undefined, meta: undefined, markerSeq: undefined });
      }
    });

    const movements: readonly (readonly [string, Movement])[] = [
      ["was written again", ({ cache }) => writeEntry(cache, { value: "held" })],
      [
        "was acknowledged",
        async ({ cache }) => {
          const { meta } = await observeOne(cache);
          await cache.acknowledge([{ key: "user:1", version: meta!.version }]);
        },
      ],
      ["was changed by another program", ({ raw }) => raw.append("user:1", "!")],
      ["was removed by another program", ({ raw }) => raw.del("user:1")],
      ["lost its meta", ({ raw }) => raw.forgetMeta("user:1")],
      ["became a list", ({ raw }) => raw.putOther("user:1", "list")],
    ];
    it.each(movements)("does nothing once the key %s", async (_name, move) => {
      const harness = await open();
      const { cache, raw } = harness;
      await writeEntry(cache, { value: "held" });
      const seen = await observeOne(cache);
      await move(harness);
      const before = stateOf(await observeOne(cache));
      const contents = await raw.contentsOf("user:1");

      for (const what of scopes) expect(await cache.drop(seen, what)).toBe("moved");

      expect(stateOf(await observeOne(cache))).toEqual(before);
      expect(await raw.contentsOf("user:1")).toEqual(contents);
    });

    it("does nothing once something stands where nothing was observed", async () => {
      const { cache, raw } = await open();
      const seen = await observeOne(cache);
      await raw.set("user:1", "");

      expect(await cache.drop(seen, "copy")).toBe("moved");

      expect(String(await raw.get("user:1"))).toBe("");
    });
  });
}
