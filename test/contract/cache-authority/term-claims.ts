import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import { markOf } from "../../../src/model/idempotency.ts";
import type { Version } from "../../../src/model/version.ts";
import { ABSENT, standingAt } from "../../../src/model/write-condition.ts";
import { deleteOf, ifAbsent, ifVersion, setOf, withId } from "../commands.ts";
import { entryOf, ODD_VALUES } from "../entries.ts";
import {
  MINUTE_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  stateOf,
} from "./harness.ts";
import { leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

/** What a write must meet, and what makes it a repetition. */
export function describeTerms(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("a condition", () => {
    it("on a version passes where the key has it, pending or clean", async () => {
      const { cache } = await open();
      const pending = await writeEntry(cache, { key: "pending" });
      const clean = await writeClean(cache, { key: "clean" });

      for (const { key, version } of [pending, clean]) {
        expect(await cache.write(ifVersion(version, setOf({ key })))).toMatchObject({
          outcome: "written",
          existed: true,
        });
      }
    });

    it("on a version fails where the key has another, tells which, and changes nothing", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache);
      const second = await writeEntry(cache);
      const before = await observeOne(cache);

      const set = await cache.write(ifVersion(first.version, setOf()));
      const deleted = await cache.write(ifVersion(first.version, deleteOf()));

      expect(set).toEqual({ outcome: "conflict", standing: standingAt(second.version) });
      expect(deleted).toEqual(set);
      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("takes what was deleted, has expired, or was removed before the shadow had it, for absent", async () => {
      const { cache, raw, elapse } = await open();
      const deleted = await writeTombstone(cache, { key: "deleted" });
      const expired = await writeEntry(cache, { key: "expired", ttlMs: 5 });
      const removed = await writeEntry(cache, { key: "removed" });
      await raw.del("removed");
      await elapse(20);

      for (const { key, version } of [deleted, expired, removed]) {
        const refused = await cache.write(ifVersion(version, setOf({ key })));
        const passed = await cache.write(ifAbsent(setOf({ key })));

        expect([key, refused]).toEqual([key, { outcome: "conflict", standing: ABSENT }]);
        expect([key, passed.outcome]).toEqual([key, "written"]);
        expect(await cache.write(ifAbsent(setOf({ key })))).toMatchObject({ outcome: "conflict" });
      }
    });

    it("cannot be judged where there is no meta, or a clean value is gone: the key is cold, and nothing changes", async () => {
      const { cache, raw } = await open();
      await raw.set("foreign", "value");
      const evicted = await writeClean(cache, { key: "evicted" });
      await raw.del("evicted");

      for (const key of ["never", "foreign", "evicted"]) {
        const before = await observeOne(cache, key);
        for (const command of [
          ifAbsent(setOf({ key })),
          ifVersion(evicted.version, setOf({ key })),
        ]) {
          expect([key, await cache.write(command)]).toEqual([key, { outcome: "cold" }]);
        }
        expect(stateOf(await observeOne(cache, key))).toEqual(stateOf(before));
      }
    });

    it("lets one of ten pass that saw the same version at once", async () => {
      const { cache, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(undefined);
      const { version } = await writeEntry(cache);

      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          (at % 2 === 0 ? cache : another).write(ifVersion(version, setOf({ value: `${at}` }))),
        ),
      );

      expect(outcomes.filter(({ outcome }) => outcome === "written")).toHaveLength(1);
    });

    it("overwrites no other Redis type", async () => {
      const { cache, raw } = await open();
      const { version } = await writeEntry(cache);
      await raw.putOther("user:1", "list");

      await expect(cache.write(ifVersion(version, setOf()))).rejects.toMatchObject({
        code: "KEY_WRONG_TYPE",
      });
    });
  });

  describe("an idempotency key", () => {
    it("makes the same write again a repetition of the first, pending until the shadow has it", async () => {
      const { cache } = await open();
      const first = await begin(cache);
      const before = await observeOne(cache);

      const pending = await cache.write(withId("one", setOf({ sessionId: "later" })));
      await cache.acknowledge([first]);
      const clean = await cache.write(withId("one", setOf()));

      expect(pending).toEqual({
        outcome: "repeated",
        entry: { ...first, sessionId: "later" },
        isPending: true,
        pinned: true,
      });
      expect(clean).toEqual({ ...pending, entry: first, isPending: false });
      expect((await observeOne(cache)).meta).toEqual(before.meta);
    });

    it("with other arguments is refused, and nothing changes", async () => {
      const { cache } = await open();
      const { version } = await begin(cache);
      const before = await observeOne(cache);

      for (const other of [
        setOf({ value: "other" }),
        setOf({ ttlMs: MINUTE_MS }),
        deleteOf(),
        ifVersion(version, setOf()),
        ifAbsent(setOf()),
      ]) {
        expect(await cache.write(withId("one", other))).toEqual({ outcome: "reused" });
      }
      expect(stateOf(await observeOne(cache))).toEqual(stateOf(before));
    });

    it("is a repetition also where its condition no longer holds", async () => {
      const { cache } = await open();
      await begin(cache);
      const { version } = (await observeOne(cache)).meta!;
      const command = withId("two", ifVersion(version, setOf({ value: "second" })));
      const second = await cache.write(command);

      const again = await cache.write(command);

      expect(second.outcome).toBe("written");
      expect(again).toMatchObject({ outcome: "repeated" });
      expect(versionOf(again)).toBe(versionOf(second));
    });

    it("is remembered over plain writes, deletes and acknowledgements, with the deadline of its own write", async () => {
      const { cache } = await open();
      const first = await begin(cache, { ttlMs: MINUTE_MS });
      await writeEntry(cache, { value: "plain" });
      await writeTombstone(cache);
      const last = await writeEntry(cache, { value: "plain again" });
      await cache.acknowledge([last]);

      const again = await cache.write(withId("one", setOf({ ttlMs: MINUTE_MS })));

      expect(again).toEqual({ outcome: "repeated", entry: first, isPending: false, pinned: true });
    });

    it("is remembered where any key may be evicted, as long as it is not, over settling", async () => {
      const { cache } = await open({ maxmemoryPolicy: "allkeys-lru" });
      const first = await begin(cache);
      await cache.settle("user:1", first.version);

      const again = await cache.write(withId("one", setOf()));

      expect(again).toEqual({ outcome: "repeated", entry: first, isPending: false, pinned: false });
    });

    it("is one of the last four: the fifth makes the first forgotten", async () => {
      const { cache } = await open();
      const [first] = [await begin(cache)];
      for (const id of ["two", "three", "four", "five"]) {
        expect(await cache.write(withId(id, setOf({ value: id })))).toMatchObject({
          outcome: "written",
        });
      }

      const outcomes: Record<string, string> = {};
      for (const id of ["two", "three", "four", "five"]) {
        outcomes[id] = (await cache.write(withId(id, setOf({ value: id })))).outcome;
      }
      const forgotten = await cache.write(withId("one", setOf()));

      expect(new Set(Object.values(outcomes))).toEqual(new Set(["repeated"]));
      expect(forgotten.outcome).toBe("written");
      expect(versionOf(forgotten)! > first.version).toBe(true);
      expect((await observeOne(cache)).meta?.idempotency).toHaveLength(4);
    });

    it("cannot be judged where the meta remembers none, since the store might: the key is cold", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache, { key: "plain" });
      await begin(cache, { key: "forgotten" });
      await raw.forgetMeta("forgotten");

      for (const key of ["never", "plain", "forgotten"]) {
        const before = await observeOne(cache, key);

        expect([key, await cache.write(withId("one", setOf({ key })))]).toEqual([
          key,
          { outcome: "cold" },
        ]);
        expect(stateOf(await observeOne(cache, key))).toEqual(stateOf(before));
      }
    });

    it("is written under a guard with what the store remembers, of which the last four stay", async () => {
      const { cache } = await open();
      const known = ["a", "b", "c", "d"].map((id) => record(id, entryOf().version));
      await writeEntry(cache);
      const token = await leaseOf(cache);
      const seen = await observeOne(cache);

      const command = withId("one", setOf());
      const written = await cache.write(command, { seen, token, idempotency: known });

      const version = versionOf(written)!;
      const expected = [...known.slice(1), record("one", version)];
      expect(written).toMatchObject({ entry: { idempotency: expected } });
      expect((await observeOne(cache)).meta?.idempotency).toEqual(expected);
      expect(await cache.write(command)).toMatchObject({ outcome: "repeated", entry: { version } });
    });

    it("comes back with the copy that a reader fills, or stamps", async () => {
      const { cache, raw } = await open();
      const idempotency = [record("one", entryOf().version)];
      const filled = entryOf({ key: "filled", value: "new", idempotency });
      const stamped = entryOf({ key: "stamped", value: "new", idempotency });
      await cache.fill(filled, await leaseOf(cache, "filled"));
      await raw.set("stamped", "new");
      await cache.stamp(stamped, await leaseOf(cache, "stamped"));

      for (const { key, version } of [filled, stamped]) {
        const again = await cache.write(withId("one", setOf({ key })));

        expect(again).toMatchObject({ outcome: "repeated", entry: { key, version } });
        expect((await observeOne(cache, key)).meta).toMatchObject({ idempotency });
      }
    });

    it.each(ODD_VALUES)(
      "leaves a value of %s, its deadline and its writer as they are",
      async (_name, value) => {
        const { cache } = await open();
        const ids = { sessionId: "|#1", interactionId: "#\u0001|" };
        const entry = await begin(cache, { value, ttlMs: MINUTE_MS, ...ids });

        const seen = await observeOne(cache);

        expect(seen.value?.text === value).toBe(true);
        expect(seen.meta).toMatchObject({ ...ids, expiresAtMs: entry.expiresAtMs });
        expect(await cache.write(setOf(), { seen })).toMatchObject({ outcome: "written" });
      },
    );
  });

  describe("a lease taken from its holder", () => {
    it("is the taker's: what the holder fills or writes under it does nothing", async () => {
      const { cache } = await open();
      const seen = await observeOne(cache);
      const held = await leaseOf(cache);

      const taken = await cache.takeLease("user:1", { fromHolder: true });

      expect(taken).toBeDefined();
      expect(await cache.fill(entryOf(), held)).toBe("skipped");
      expect(await cache.write(setOf(), { seen, token: held })).toEqual({ outcome: "moved" });
      expect(await cache.write(setOf(), { seen, token: taken! })).toMatchObject({
        outcome: "written",
      });
    });
  });
}

function record(idempotencyKey: string, version: Version) {
  return { ...markOf(idempotencyKey, setOf()), version };
}

function versionOf(written: Awaited<ReturnType<CacheAuthorityPort["write"]>>) {
  return "entry" in written ? written.entry.version : undefined;
}

/** The write with the idempotency key "one", of a key of which the store knows nothing. */
async function begin(cache: CacheAuthorityPort, wanted: Parameters<typeof setOf>[0] = {}) {
  const command = withId("one", setOf(wanted));
  const token = await leaseOf(cache, command.key);
  const seen = await observeOne(cache, command.key);
  const written = await cache.write(command, { seen, token });
  if (written.outcome !== "written") throw new Error("The first write was refused.");
  return written.entry;
}
