import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import type { CacheBucket } from "../../../src/cache/cache-buckets-port.ts";
import { BUCKETS, bucketOf } from "../../../src/model/bucket.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { epochOf, FIRST_EPOCH, formatVersion, seqOf } from "../../../src/model/version.ts";
import { deferred } from "../../support/steer.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { deleteOf, setOf } from "../commands.ts";
import {
  type CacheAuthorityHarness,
  GRACE_MS,
  HOUR_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  STORE_ID,
  stateOf,
} from "./harness.ts";
import { later, leaseOf, writeClean, writeEntry, writeTombstone } from "./steps.ts";

const BUCKET = bucketOf("user:1");
const OLDEST = formatVersion(0, 1);

type Step = (cache: CacheAuthorityPort) => Promise<unknown>;

/** Every step that asks for the state of its bucket. */
const STEPS: readonly (readonly [name: string, step: Step])[] = [
  ["a write", (cache) => cache.write(setOf({ value: "later" }))],
  ["a delete", (cache) => cache.write(deleteOf())],
  ["observe", (cache) => cache.observe(["user:1"])],
  ["timesToLive", (cache) => cache.timesToLive(["user:1"])],
  ["acknowledge", (cache) => cache.acknowledge([{ key: "user:1", version: OLDEST }])],
  ["settle", (cache) => cache.settle("user:1", OLDEST)],
  ["withdraw", (cache) => cache.withdraw("user:1", OLDEST)],
  ["takeLease", (cache) => cache.takeLease("user:1")],
];

/** What becomes of a state after it was found. */
const MOVES: readonly (readonly [
  name: string,
  move: (harness: CacheAuthorityHarness) => Promise<void>,
])[] = [
  [
    "somebody else has recovered the bucket",
    async ({ cache }) => {
      const found = await bucketIn(cache);
      expect(await cache.buckets.install(found, (found.epoch ?? 0) + 1)).toBe("installed");
    },
  ],
  [
    "the cache has lost everything once more",
    async ({ cache, raw }) => {
      await raw.lose();
      await cache.buckets.states();
    },
  ],
  ["the server was restarted", ({ raw }) => raw.restart()],
];

/** Every sentence of cache-buckets-port.ts. */
export function describeRecovering(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("the states of the buckets", () => {
    it("say of a cache that is new that none works yet and nothing is known", async () => {
      const { cache } = await open();

      const states = await cache.buckets.states();

      expect(states.map(({ bucket }) => bucket)).toEqual(
        Array.from({ length: BUCKETS }, (_, bucket) => bucket),
      );
      for (const state of states) {
        expect(state).toMatchObject({
          isCurrent: false,
          epoch: undefined,
          lastVersion: undefined,
        });
      }
    });

    it("name the epoch and the last version of a bucket that works", async () => {
      const { cache } = await open();
      await writeEntry(cache);
      const last = await writeEntry(cache);

      expect(await bucketIn(cache)).toMatchObject({
        isCurrent: true,
        epoch: FIRST_EPOCH,
        lastVersion: last.version,
      });
    });

    it("tell the last write that had no marker, also after the policy has changed, and after a restart", async () => {
      const { cache, raw } = await open({ maxmemoryPolicy: "allkeys-lru" });
      await writeEntry(cache);
      const last = await writeEntry(cache);
      await raw.setPolicy("noeviction");
      await cache.refreshPolicy();
      await writeEntry(cache);
      await raw.restart();

      expect(await bucketIn(cache)).toMatchObject({ lastUnpinnedSeq: seqOf(last.version) });
    });

    it("tell of no write without a marker where each had one", async () => {
      const { cache } = await open();
      await writeEntry(cache);

      expect(await bucketIn(cache)).toMatchObject({ lastUnpinnedSeq: undefined });
    });

    it("know nothing after everything was lost, and are tied to the same store again", async () => {
      const { cache, raw, openAnother } = await open();
      await writeEntry(cache);
      await raw.lose();

      const state = await bucketIn(cache);

      expect(state).toMatchObject({ isCurrent: false, epoch: undefined, lastVersion: undefined });
      await expect((await openAnother()).bindStore("another store")).rejects.toMatchObject({
        code: "STORE_MISMATCH",
      });
    });

    it("know after a restart what was, and that it was before the restart", async () => {
      const { cache, raw } = await open();
      const last = await writeEntry(cache);

      await raw.restart();

      expect(await bucketIn(cache)).toMatchObject({
        isCurrent: false,
        epoch: FIRST_EPOCH,
        lastVersion: last.version,
      });
    });

    it("are refused where the cache is tied to no store, to another one, or does not answer", async () => {
      const { cache, raw, openAnother } = await open();
      await raw.lose();
      const free = await openAnother();
      await free.bindStore(undefined);
      await expect(free.buckets.states()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

      await free.bindStore("another store");
      await expect(cache.buckets.states()).rejects.toMatchObject({ code: "STORE_MISMATCH" });

      await free.close();
      await expect(free.buckets.states()).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
    });
  });

  describe("a bucket that has lost its state", () => {
    it.each(STEPS)("is waited for by %s, which is then taken", async (_name, step) => {
      const { cache, raw } = await open();
      await writeEntry(cache);
      const gate = deferred();
      const met: number[] = [];
      cache.buckets.onLost(async (bucket) => {
        met.push(bucket);
        await gate.promise;
        const found = await bucketIn(cache);
        if (!found.isCurrent) await cache.buckets.install(found, FIRST_EPOCH + 1);
      });
      await raw.lose();

      const taken = step(cache).then(() => "taken");
      await waitUntil(() => met.length > 0);
      const answer = await Promise.race([taken, raw.get("user:1").then(() => "still waiting")]);
      expect(answer).toBe("still waiting");
      gate.resolve();

      expect(await taken).toBe("taken");
      expect(new Set(met)).toEqual(new Set([BUCKET]));
      expect(await bucketIn(cache)).toMatchObject({ isCurrent: true });
    });

    it.each(STEPS)("fails %s with RECOVERING where nobody recovers it", async (_name, step) => {
      const { raw, openAnother } = await open();
      const another = await openAnother({ recovers: false });
      await another.bindStore(STORE_ID);
      await raw.lose();
      await raw.set("user:1", "as it was");
      await another.bindStore(STORE_ID);

      await expect(step(another)).rejects.toMatchObject({ code: "RECOVERING" });

      expect((await raw.get("user:1"))?.toString()).toBe("as it was");
      expect(await another.countPending(0)).toBe(0);
    });

    it.each(STEPS)("fails %s with RECOVERING where it was recovered in vain", async (_n, step) => {
      const { cache, raw } = await open();
      cache.buckets.onLost(async () => undefined);
      await raw.lose();

      await expect(step(cache)).rejects.toMatchObject({ code: "RECOVERING" });
    });

    it.each(STEPS)("fails %s as its recovery fails", async (_name, step) => {
      const { cache, raw } = await open();
      cache.buckets.onLost(async () => {
        throw new LockstepError("STORE_MISMATCH", "Somebody else's.");
      });
      await raw.lose();

      await expect(step(cache)).rejects.toMatchObject({ message: "Somebody else's." });
    });

    it("is not waited for by an observer who would rather be refused, and is recovered all the same", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache);
      const met: number[] = [];
      cache.buckets.onLost((bucket) => {
        met.push(bucket);
        return new Promise(() => undefined);
      });
      await raw.restart();

      await expect(cache.observe(["user:1"], { whenLost: "refuse" })).rejects.toMatchObject({
        code: "RECOVERING",
      });

      expect(met).toEqual([BUCKET]);
    });

    it("does not make a failed recovery anybody's problem but the observer's who was refused", async () => {
      const { cache, raw } = await open();
      cache.buckets.onLost(async () => {
        throw new Error("No store.");
      });
      await raw.lose();

      await expect(cache.observe(["user:1"], { whenLost: "refuse" })).rejects.toMatchObject({
        code: "RECOVERING",
      });
    });

    it("shows what stands there to an observer who asks for that, recovered by nobody", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache, { value: "maybe old" });
      const seen = await observeOne(cache);
      const met: number[] = [];
      cache.buckets.onLost(async (bucket) => void met.push(bucket));
      await raw.restart();

      const [lost] = await cache.observe(["user:1"], { whenLost: "read" });

      expect(lost).toMatchObject({
        meta: { version: entry.version },
        value: { text: "maybe old" },
      });
      expect(stateOf(lost!)).toEqual(stateOf(seen));
      expect(met).toEqual([]);
      expect(await bucketIn(cache)).toMatchObject({ isCurrent: false });
    });

    it("is none where another process has recovered it already", async () => {
      const { cache, raw, openAnother } = await open();
      const another = await openAnother({ recovers: false });
      await another.bindStore(STORE_ID);
      await writeEntry(cache, { value: "kept" });
      await raw.restart();
      await writeEntry(cache, { key: "{user:1}other" });

      expect((await observeOne(another)).value?.text).toBe("kept");
    });
  });

  describe("dropOlder", () => {
    it("drops copies that are older than their rows, marker included, and tells which", async () => {
      const { cache } = await open();
      const pending = await writeEntry(cache, { key: "{user:1}pending" });
      const clean = await writeClean(cache, { key: "{user:1}clean" });
      const deleted = await writeTombstone(cache, { key: "{user:1}deleted" });
      const found = await bucketIn(cache);

      const dropped = await cache.buckets.dropOlder(
        found,
        [pending, clean, deleted].map(({ key, version }) => ({ key, version: later(version) })),
      );

      expect(dropped).toEqual([pending, clean, deleted].map(copyOf));
      for (const { key } of [pending, clean, deleted]) {
        const seen = await observeOne(cache, key);
        expect([seen.value, seen.meta, seen.markerSeq]).toEqual([undefined, undefined, undefined]);
      }
      expect(await cache.countPending(0)).toBe(0);
    });

    it("keeps copies that are equal to their rows or newer, pending or clean or deleted, as they are", async () => {
      const { cache } = await open();
      const equal = await writeEntry(cache, { key: "{user:1}equal", sessionId: "s" });
      const newer = await writeEntry(cache, { key: "{user:1}newer" });
      const clean = await writeClean(cache, { key: "{user:1}clean", ttlMs: HOUR_MS });
      const deleted = await writeTombstone(cache, { key: "{user:1}deleted" });
      const all = [equal, newer, clean, deleted];
      const before = await cache.observe(all.map(({ key }) => key));
      const found = await bucketIn(cache);

      const dropped = await cache.buckets.dropOlder(found, [
        copyOf(equal),
        { key: newer.key, version: later(newer.version, -1) },
        copyOf(clean),
        copyOf(deleted),
      ]);

      expect(dropped).toEqual([]);
      const after = await cache.observe(all.map(({ key }) => key));
      expect(after.map(stateOf)).toEqual(before.map(stateOf));
    });

    it("compares epochs before all else", async () => {
      const { cache } = await open();
      const first = await writeEntry(cache, { key: "{user:1}first" });
      const second = await writeEntry(cache, { key: "{user:1}second" });
      const found = await bucketIn(cache);

      const dropped = await cache.buckets.dropOlder(found, [
        { key: first.key, version: formatVersion(FIRST_EPOCH + 1, 1) },
        { key: second.key, version: formatVersion(0, seqOf(second.version) + 1) },
      ]);

      expect(dropped).toEqual([copyOf(first)]);
    });

    it("counts a copy without meta as older, however old the row is", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache, { key: "{user:1}marked" });
      await writeClean(cache, { key: "{user:1}clean" });
      await writeClean(cache, { key: "{user:1}spoilt" });
      for (const key of ["{user:1}marked", "{user:1}clean"]) await raw.forgetMeta(key);
      await raw.spoilMeta("{user:1}spoilt", "short text");
      const keys = ["{user:1}marked", "{user:1}clean", "{user:1}spoilt"];

      const dropped = await cache.buckets.dropOlder(
        await bucketIn(cache),
        keys.map((key) => ({ key, version: OLDEST })),
      );

      expect(dropped).toEqual(keys.map((key) => ({ key, version: undefined })));
      for (const key of keys) expect(await raw.get(key)).toBeNull();
      expect(await cache.countPending(0)).toBe(0);
    });

    it("drops a marker that has nothing else left", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache);
      await raw.del("user:1");
      await raw.forgetMeta("user:1");

      const dropped = await cache.buckets.dropOlder(await bucketIn(cache), [
        { key: "user:1", version: OLDEST },
      ]);

      expect(dropped).toEqual([{ key: "user:1", version: undefined }]);
      expect(await cache.countPending(0)).toBe(0);
    });

    it("drops a meta whose value is gone", async () => {
      const { cache, raw } = await open();
      const entry = await writeClean(cache);
      await raw.del("user:1");

      const dropped = await cache.buckets.dropOlder(await bucketIn(cache), [
        { key: "user:1", version: later(entry.version) },
      ]);

      expect(dropped).toEqual([copyOf(entry)]);
      expect((await observeOne(cache)).meta).toBeUndefined();
    });

    it("says nothing of keys that it holds nothing of", async () => {
      const { cache } = await open();
      const found = await bucketIn(cache);

      expect(
        await cache.buckets.dropOlder(found, [{ key: "user:1", version: later(OLDEST) }]),
      ).toEqual([]);
      expect(await cache.buckets.dropOlder(found, [])).toEqual([]);
    });

    it("leaves a value of another type as it is", async () => {
      const { cache, raw } = await open();
      const entry = await writeEntry(cache);
      await raw.putOther("user:1", "list");
      await raw.putOther("{user:1}foreign", "hash");
      const before = await raw.contentsOf("user:1");
      const foreign = await raw.contentsOf("{user:1}foreign");

      const dropped = await cache.buckets.dropOlder(await bucketIn(cache), [
        { key: "user:1", version: later(entry.version) },
        { key: "{user:1}foreign", version: later(entry.version) },
      ]);

      expect(dropped).toEqual([copyOf(entry)]);
      expect(await raw.contentsOf("user:1")).toEqual(before);
      expect(await raw.contentsOf("{user:1}foreign")).toEqual(foreign);
      expect((await observeOne(cache)).meta).toBeUndefined();
      expect(await cache.countPending(0)).toBe(0);
    });

    it.each(MOVES)("has moved, and drops nothing, once %s", async (_name, move) => {
      const harness = await open();
      const { cache, raw } = harness;
      await writeEntry(cache);
      const found = await bucketIn(cache);
      await move(harness);
      await raw.set("user:1", "stays");

      const dropped = await cache.buckets.dropOlder(found, [
        { key: "user:1", version: "9".repeat(24) },
      ]);

      expect(dropped).toBe("moved");
      expect((await raw.get("user:1"))?.toString()).toBe("stays");
    });

    it("goes on where versions were minted since the state was found", async () => {
      const { cache } = await open();
      const entry = await writeEntry(cache);
      const found = await bucketIn(cache);
      await writeEntry(cache, { key: "{user:1}other" });

      expect(
        await cache.buckets.dropOlder(found, [{ key: "user:1", version: later(entry.version) }]),
      ).toEqual([copyOf(entry)]);
    });
  });

  describe("setAside", () => {
    it("takes a copy out of use, marker included, and keeps its value for the grace time", async () => {
      const { cache, raw } = await open();
      const pending = await writeEntry(cache, { key: "{user:1}pending", value: "unsynced" });
      const clean = await writeClean(cache, {
        key: "{user:1}clean",
        value: "ends",
        ttlMs: HOUR_MS,
      });

      const taken = await cache.buckets.setAside(await bucketIn(cache), [pending.key, clean.key]);

      expect(taken).toEqual([pending, clean].map(copyOf));
      for (const { key, value } of [pending, clean]) {
        const seen = await observeOne(cache, key);
        expect([seen.value, seen.meta, seen.markerSeq]).toEqual([undefined, undefined, undefined]);
        const { text, ttlMs = 0 } = (await raw.asideOf(key)) ?? {};
        expect(text).toBe(value);
        expect(ttlMs).toBeGreaterThan(GRACE_MS - 10_000);
        expect(ttlMs).toBeLessThanOrEqual(GRACE_MS);
      }
      expect(await cache.countPending(0)).toBe(0);
      expect((await cache.scan({ limit: 100 })).keys).toEqual([]);
    });

    it("lets a key that was set aside be written again", async () => {
      const { cache, raw } = await open();
      await writeEntry(cache, { value: "first" });
      await cache.buckets.setAside(await bucketIn(cache), ["user:1"]);

      await writeEntry(cache, { value: "second" });
      await cache.buckets.setAside(await bucketIn(cache), ["user:1"]);

      expect(await raw.asideOf("user:1")).toMatchObject({ text: "second" });
    });

    it("takes a tombstone, a marker alone, and a copy without meta", async () => {
      const { cache, raw } = await open();
      const deleted = await writeTombstone(cache, { key: "{user:1}deleted" });
      await writeEntry(cache, { key: "{user:1}marker" });
      await raw.del("{user:1}marker");
      await writeEntry(cache, { key: "{user:1}value", value: "without meta" });
      for (const key of ["{user:1}marker", "{user:1}value"]) await raw.forgetMeta(key);
      const keys = [deleted.key, "{user:1}marker", "{user:1}value"];

      const taken = await cache.buckets.setAside(await bucketIn(cache), keys);

      expect(taken).toEqual([
        copyOf(deleted),
        { key: "{user:1}marker", version: undefined },
        { key: "{user:1}value", version: undefined },
      ]);
      expect(await raw.asideOf(deleted.key)).toBeUndefined();
      expect(await raw.asideOf("{user:1}value")).toMatchObject({ text: "without meta" });
      expect(await cache.countPending(0)).toBe(0);
    });

    it("leaves a value of another type, and says nothing of keys that it holds nothing of", async () => {
      const { cache, raw } = await open();
      await raw.putOther("user:1", "stream");
      const before = await raw.contentsOf("user:1");
      const found = await bucketIn(cache);

      expect(await cache.buckets.setAside(found, ["user:1", "{user:1}nothing"])).toEqual([]);
      expect(await cache.buckets.setAside(found, [])).toEqual([]);

      expect(await raw.contentsOf("user:1")).toEqual(before);
      expect(await raw.asideOf("user:1")).toBeUndefined();
    });

    it.each(MOVES)("has moved, and takes nothing, once %s", async (_name, move) => {
      const harness = await open();
      const { cache, raw } = harness;
      await writeEntry(cache);
      const found = await bucketIn(cache);
      await move(harness);
      await raw.set("user:1", "stays");

      expect(await cache.buckets.setAside(found, ["user:1"])).toBe("moved");

      expect((await raw.get("user:1"))?.toString()).toBe("stays");
      expect(await raw.asideOf("user:1")).toBeUndefined();
    });
  });

  describe("install", () => {
    it("lets a bucket work again, under the epoch that it is given", async () => {
      const { cache, raw } = await open();
      const before = await writeEntry(cache);
      await raw.restart();

      expect(await cache.buckets.install(await bucketIn(cache), 7)).toBe("installed");

      expect(await bucketIn(cache)).toMatchObject({
        isCurrent: true,
        epoch: 7,
        lastVersion: formatVersion(7, seqOf(before.version)),
      });
      expect(epochOf((await writeEntry(cache)).version)).toBe(7);
    });

    it("lets versions go on above the last one that the cache knows", async () => {
      const { cache, raw, nowMs } = await open();
      await writeEntry(cache);
      const ahead = ((await nowMs()) + HOUR_MS) * 1000;
      await raw.setLastSeq("user:1", ahead);
      await raw.restart();

      await cache.buckets.install(await bucketIn(cache), 2);

      expect((await writeEntry(cache)).version).toBe(formatVersion(2, ahead + 1));
    });

    it("never goes below the epoch that it found", async () => {
      const { cache } = await open();
      await writeEntry(cache);
      await cache.buckets.install(await bucketIn(cache), 5);

      expect(await cache.buckets.install(await bucketIn(cache), 3)).toBe("installed");

      expect(await bucketIn(cache)).toMatchObject({ isCurrent: true, epoch: 5 });
    });

    it("is one process' alone, of all that found the same state", async () => {
      const { cache, raw, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(STORE_ID);
      await raw.lose();
      const found = [await bucketIn(cache), await bucketIn(another)] as const;

      const outcomes = await Promise.all([
        cache.buckets.install(found[0], 2),
        another.buckets.install(found[1], 3),
      ]);

      expect(outcomes.toSorted()).toEqual(["installed", "moved"]);
      expect(await bucketIn(cache)).toMatchObject({ epoch: outcomes[0] === "installed" ? 2 : 3 });
    });

    it.each(MOVES)("has moved once %s", async (_name, move) => {
      const harness = await open();
      const { cache } = harness;
      await writeEntry(cache);
      const found = await bucketIn(cache);
      await move(harness);
      const before = await bucketIn(cache);

      expect(await cache.buckets.install(found, 99)).toBe("moved");

      expect(await bucketIn(cache)).toEqual(before);
    });

    it("does not take a state that was lost and made anew for the one that it found", async () => {
      const { cache, raw, openAnother } = await open();
      const another = await openAnother();
      await another.bindStore(STORE_ID);
      await raw.lose();
      const found = await bucketIn(cache);
      await another.buckets.install(await bucketIn(another), 3);
      await writeEntry(another);
      await raw.lose();
      await bucketIn(another);

      expect(await cache.buckets.install(found, 2)).toBe("moved");
    });
  });

  describe("a lease", () => {
    it("ends when the cache loses state, for a fill, a stamp and a guarded write, though it is still there", async () => {
      const { cache, raw } = await open();
      const entry = await writeClean(cache, { key: "user:1", value: "row" });
      await raw.del("user:1");
      await raw.forgetMeta("user:1");
      await raw.set("{user:1}bare", "row");
      const fill = await leaseOf(cache, "user:1");
      const stamp = await leaseOf(cache, "{user:1}bare");
      const guard = await leaseOf(cache, "{user:1}guarded");
      const seen = await observeOne(cache, "{user:1}guarded");

      await raw.restart();
      await recoveredBy(cache);

      expect(await cache.fill(entry, fill)).toBe("skipped");
      expect(await cache.stamp({ ...entry, key: "{user:1}bare" }, stamp)).toBe("skipped");
      expect(await cache.write(setOf({ key: "{user:1}guarded" }), { seen, token: guard })).toEqual({
        outcome: "moved",
      });
      expect((await observeOne(cache)).value).toBeUndefined();
      expect((await observeOne(cache, "{user:1}bare")).meta).toBeUndefined();
      expect((await observeOne(cache, "{user:1}guarded")).meta).toBeUndefined();
    });

    it("is not waited for by those who hold it: a lost bucket is recovered by others", async () => {
      const { cache, raw } = await open();
      const entry = await writeClean(cache, { value: "row" });
      await raw.del("user:1");
      const token = await leaseOf(cache);
      const seen = await observeOne(cache);
      await raw.lose();
      cache.buckets.onLost(() => new Promise(() => undefined));

      expect(await cache.fill(entry, token)).toBe("skipped");
      expect(await cache.stamp(entry, token)).toBe("skipped");
      expect(await cache.write(setOf(), { seen, token })).toEqual({ outcome: "moved" });
    });
  });
}

async function bucketIn(cache: CacheAuthorityPort): Promise<CacheBucket> {
  const found = (await cache.buckets.states())[BUCKET];
  if (found === undefined) throw new Error(`There is no bucket ${BUCKET}.`);
  return found;
}

/** Recovers the bucket of these claims, as far as this needs no store. */
async function recoveredBy(cache: CacheAuthorityPort): Promise<void> {
  const found = await bucketIn(cache);
  expect(await cache.buckets.install(found, (found.epoch ?? 0) + 1)).toBe("installed");
}

function copyOf({ key, version }: { readonly key: string; readonly version: string }) {
  return { key, version };
}
