import { describe, expect, it } from "@jest/globals";
import { deleteOf, setOf } from "../commands.ts";
import { ODD_VALUES } from "../entries.ts";
import {
  type CacheAuthorityHarness,
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  stateOf,
} from "./harness.ts";
import { leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

type Movement = (harness: CacheAuthorityHarness) => Promise<unknown>;

export function describeGuardedWriting(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("a guarded write", () => {
    it("passes while the key is as it was observed: pending, clean, deleted or removed", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache, { key: "pending", sessionId: 's|"é', ttlMs: MINUTE_MS });
      await writeClean(cache, { key: "clean", ttlMs: MINUTE_MS });
      await writeTombstone(cache, { key: "deleted", interactionId: "" });
      await writeEntry(cache, { key: "removed" });
      await raw.del("removed");
      await writeEntry(cache, { key: "changed" });
      await raw.set("changed", "by another program");

      for (const key of ["pending", "clean", "deleted", "removed", "changed"]) {
        const seen = await observeOne(cache, key);
        const written = await cache.write(setOf({ key, value: "repaired" }), { seen });

        expect([key, written.outcome]).toEqual([key, "written"]);
        expect((await observeOne(cache, key)).value?.text).toBe("repaired");
      }
    });

    it.each(ODD_VALUES)("knows a value of %s again", async (_name, value) => {
      const { cache } = await open();
      await writeEntry(cache, { value });
      const seen = await observeOne(cache);

      const written = await cache.write(deleteOf(), { seen });

      expect(written).toMatchObject({ outcome: "written", existed: true });
    });

    it("does not mind the passing of time", async () => {
      const { cache, elapse } = await open();
      await writeClean(cache, { ttlMs: MINUTE_MS });
      const seen = await observeOne(cache);
      await elapse(20);

      expect(await cache.write(setOf(), { seen })).toMatchObject({ outcome: "written" });
    });

    const movements: readonly (readonly [string, Movement])[] = [
      ["was written again", ({ cache }) => writeEntry(cache, { value: "held" })],
      ["was deleted", ({ cache }) => writeTombstone(cache)],
      ["was acknowledged", acknowledgeIt],
      ["was set by another program", ({ raw }) => raw.set("user:1", "other")],
      ["was appended to", ({ raw }) => raw.append("user:1", "!")],
      ["was removed by another program", ({ raw }) => raw.del("user:1")],
      ["lost its meta", ({ raw }) => raw.forgetMeta("user:1")],
    ];
    it.each(movements)("is refused, and changes nothing, once the key %s", async (_name, move) => {
      const harness = await open();
      const { cache } = harness;
      await writeEntry(cache, { value: "held" });
      const seen = await observeOne(cache);
      await move(harness);
      const moved = await observeOne(cache);

      expect(await cache.write(setOf({ value: "repair" }), { seen })).toEqual({ outcome: "moved" });
      expect(await cache.write(deleteOf(), { seen })).toEqual({ outcome: "moved" });

      expect(stateOf(await observeOne(cache))).toEqual(stateOf(moved));
    });

    it("is refused once a list stands at the key, which survives", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache);
      const seen = await observeOne(cache);
      await raw.putOther("user:1", "list");
      const list = await raw.contentsOf("user:1");

      await expect(cache.write(setOf(), { seen })).rejects.toMatchObject({
        code: "KEY_WRONG_TYPE",
      });

      expect(await raw.contentsOf("user:1")).toEqual(list);
    });

    it("is refused once something stands where nothing was observed", async () => {
      const { cache, raw } = await open();
      const seen = await observeOne(cache);
      const token = await leaseOf(cache);
      await raw.set("user:1", "");

      expect(await cache.write(setOf(), { seen, token })).toEqual({ outcome: "moved" });
      expect(String(await raw.get("user:1"))).toBe("");
    });

    it("fails where the observation was of another type, since that cannot be compared", async () => {
      const { cache, raw } = await open();
      await raw.putOther("list", "list");
      const seen = await observeOne(cache, "list");
      const token = await leaseOf(cache, "list");

      const writing = cache.write(setOf({ key: "list" }), { seen, token });

      await expect(writing).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });
    });

    it("knows bytes again that are no text, and others that look the same as text from them", async () => {
      const { cache, raw } = await open();
      await writeClean(cache);
      await raw.set("user:1", Buffer.from([0xff, 0x00]));
      const seen = await observeOne(cache);
      await raw.set("user:1", Buffer.from([0xfe, 0x00]));

      expect(await cache.write(setOf(), { seen })).toEqual({ outcome: "moved" });
      expect(await cache.drop(seen, "copy")).toBe("moved");

      const now = await observeOne(cache);
      expect(now.value?.text).toBe(seen.value?.text);
      expect(await cache.write(setOf(), { seen: now })).toMatchObject({ outcome: "written" });
    });

    it("lets one of ten repairs pass that saw the same", async () => {
      const { cache } = await open();
      await writeEntry(cache);
      const seen = await observeOne(cache);

      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, at) => cache.write(setOf({ value: `${at}` }), { seen })),
      );

      expect(outcomes.filter(({ outcome }) => outcome === "written")).toHaveLength(1);
    });
  });

  describe("a guarded write of a key without meta", () => {
    it("passes under the fill lease, which it voids", async () => {
      const { cache, raw } = await open();
      await raw.set("foreign", "value");
      await writeEntry(cache, { key: "marked" });
      await raw.forgetMeta("marked");

      for (const key of ["foreign", "marked", "nothing"]) {
        const token = await leaseOf(cache, key);
        const seen = await observeOne(cache, key);
        const written = await cache.write(setOf({ key }), { seen, token });

        expect([key, written.outcome]).toEqual([key, "written"]);
        expect(await cache.takeLease(key)).toBeDefined();
      }
    });

    const losses: readonly (readonly [string, Movement])[] = [
      ["ran out", ({ raw }) => raw.endLease("user:1")],
      [
        "went to another",
        async ({ cache, raw }) => {
          await raw.endLease("user:1");
          await leaseOf(cache);
        },
      ],
      [
        "was voided by a write, of which an eviction left nothing",
        async ({ cache, raw }) => {
          await writeClean(cache, { value: "written between" });
          await raw.set("user:1", "foreign");
          await raw.forgetMeta("user:1");
        },
      ],
    ];
    it.each(losses)("is refused once the lease %s", async (_name, lose) => {
      const harness = await open();
      const { cache, raw } = harness;
      await raw.set("user:1", "foreign");
      const token = await leaseOf(cache);
      const seen = await observeOne(cache);
      await lose(harness);

      expect(await cache.write(setOf(), { seen, token })).toEqual({ outcome: "moved" });
      expect(String(await raw.get("user:1"))).toBe("foreign");
    });

    it("is refused without a lease", async () => {
      const { cache, raw } = await open();
      await raw.set("user:1", "foreign");
      const seen = await observeOne(cache);

      expect(await cache.write(setOf(), { seen })).toEqual({ outcome: "moved" });
      expect(String(await raw.get("user:1"))).toBe("foreign");
    });
  });
}

async function acknowledgeIt({ cache }: CacheAuthorityHarness): Promise<void> {
  const { meta } = await observeOne(cache);
  await cache.acknowledge([{ key: "user:1", version: meta!.version }]);
}
