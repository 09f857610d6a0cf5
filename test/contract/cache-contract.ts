import { describe, expect, it } from "@jest/globals";
import type { CacheObservation, CachePort } from "../../src/cache/cache-port.ts";
import { contentHash, shortHash } from "../../src/model/content-hash.ts";
import { type Entry, isExpired } from "../../src/model/entry.ts";
import { seqOf } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { deleteOf, setOf } from "./commands.ts";
import { inByteOrder, ODD_KEYS, ODD_VALUES } from "./entries.ts";

/** A new, empty cache for one test. */
export interface CacheHarness {
  readonly cache: CachePort;
  /** The cache's clock, milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly elapse: (ms: number) => Promise<void>;
  /** Makes the cache hold a write as the server would, not yet synced where that is a state of its own. */
  readonly write: (command: WriteCommand) => Promise<Entry>;
  /** Tells the cache that the shadow has the write. */
  readonly synced: (entry: Entry) => Promise<void>;
  /** Changes a key's text past the server, as another program or a bug would. */
  readonly changeOutside: (key: string, text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface CacheCapabilities {
  /** Writes that the shadow does not have yet carry a marker. */
  readonly marksPending: boolean;
}

const MINUTE_MS = 60_000;

/** Every sentence of cache-port.ts that holds for any cache, as a claim about one driver. */
export function describeCacheContract(
  name: string,
  openHarness: () => Promise<CacheHarness>,
  capabilities: CacheCapabilities,
): void {
  describe(`${name} as a cache`, () => {
    const open = closedAfterEach(openHarness);

    it("answers a ping", async () => {
      const { cache } = await open();

      await expect(cache.ping()).resolves.toBeUndefined();
    });

    describe("observe", () => {
      it("finds nothing of a key that was never written, and tells its own time", async () => {
        const { cache, nowMs } = await open();
        const beforeMs = nowMs();

        const [seen] = await cache.observe(["user:1"]);

        expect(seen).toEqual({
          key: "user:1",
          value: undefined,
          foreignType: undefined,
          meta: undefined,
          markerSeq: undefined,
          ttlMs: null,
          metaTtlMs: null,
          nowMs: seen?.nowMs,
        });
        expect(seen?.nowMs).toBeGreaterThanOrEqual(beforeMs);
        expect(seen?.nowMs).toBeLessThanOrEqual(nowMs());
      });

      it("shows value, version, hash, deadline and writer of the last write", async () => {
        const { cache, write } = await open();
        await write(setOf({ value: "older" }));

        const entry = await write(
          setOf({ value: "held", ttlMs: MINUTE_MS, sessionId: "session \0", interactionId: "😀" }),
        );

        const seen = await observeOne(cache, "user:1");
        expect(seen.value).toEqual({ text: "held", isText: true, hash: contentHash("held") });
        expect(seen.meta).toEqual({
          version: entry.version,
          shortHash: shortHash(entry.hash),
          expiresAtMs: entry.expiresAtMs,
          tombstone: false,
          sessionId: "session \0",
          interactionId: "😀",
        });
        expect(seen.foreignType).toBeUndefined();
      });

      it("shows a delete as a tombstone without value", async () => {
        const { cache, write } = await open();
        await write(setOf());

        const entry = await write(deleteOf());

        const seen = await observeOne(cache, "user:1");
        expect(seen.value).toBeUndefined();
        expect(seen.meta).toMatchObject({
          version: entry.version,
          shortHash: "",
          expiresAtMs: null,
          tombstone: true,
        });
      });

      it("answers in the order asked, absent and repeated keys too", async () => {
        const { cache, write } = await open();
        await write(setOf({ key: "a", value: "A" }));
        await write(setOf({ key: "b", value: "B" }));

        const seen = await cache.observe(["b", "nothing", "a", "b"]);

        expect(seen.map(({ key, value }) => [key, value?.text])).toEqual([
          ["b", "B"],
          ["nothing", undefined],
          ["a", "A"],
          ["b", "B"],
        ]);
        expect(await cache.observe([])).toEqual([]);
      });

      it.each(ODD_VALUES)("shows a value of %s byte for byte", async (_name, value) => {
        const { cache, write } = await open();

        await write(setOf({ value }));

        const seen = await observeOne(cache, "user:1");
        expect(seen.value?.text === value).toBe(true);
        expect(seen.value?.isText).toBe(true);
        expect(seen.value?.hash).toBe(contentHash(value));
        expect(seen.meta?.shortHash).toBe(shortHash(contentHash(value)));
      });

      it.each(ODD_KEYS)("finds a key with %s under exactly that key", async (_name, key) => {
        const { cache, write } = await open();

        const entry = await write(setOf({ key }));

        expect((await observeOne(cache, key)).meta?.version).toBe(entry.version);
        expect((await observeOne(cache, `${key}x`)).meta).toBeUndefined();
        expect([...(await scanAll(cache))]).toEqual([key]);
      });

      it("shows a value that was changed outside as it is, beside the meta of the last write", async () => {
        const { cache, write, changeOutside } = await open();
        const entry = await write(setOf({ value: "written" }));

        await changeOutside("user:1", "changed");

        const seen = await observeOne(cache, "user:1");
        expect(seen.value).toEqual({ text: "changed", isText: true, hash: contentHash("changed") });
        expect(seen.meta).toMatchObject({
          version: entry.version,
          shortHash: shortHash(contentHash("written")),
        });
      });

      it("changes nothing by looking", async () => {
        const { cache, write } = await open();
        await write(setOf());
        const first = await observeOne(cache, "user:1");

        await cache.scan({ limit: 10 });
        await cache.timesToLive(["user:1"]);
        const second = await observeOne(cache, "user:1");

        expect({ ...second, nowMs: 0 }).toEqual({ ...first, nowMs: 0 });
      });

      it("never shows an expired value as one that still lives", async () => {
        const { cache, write, synced, elapse } = await open();
        await synced(await write(setOf({ ttlMs: 50 })));
        await elapse(150);

        const { value, meta, nowMs } = await observeOne(cache, "user:1");

        const deadlineMs = meta?.expiresAtMs ?? null;
        expect(value === undefined || isExpired(deadlineMs, nowMs)).toBe(true);
      });
    });

    describe("digests", () => {
      it("say of each key what observe does, with the length of the value in its place, in the order asked", async () => {
        const { cache, write, synced, changeOutside } = await open();
        await synced(await write(setOf({ key: "live", value: "é" })));
        await write(setOf({ key: "empty", value: "", ttlMs: MINUTE_MS, sessionId: "session" }));
        await write(deleteOf({ key: "deleted" }));
        await write(setOf({ key: "changed", value: "one" }));
        await changeOutside("changed", "three");
        const keys = ["changed", "nothing", "live", "deleted", "empty", "live"];

        const digests = await cache.digests(keys);

        const lengths = [5, undefined, 2, undefined, 0, 2];
        const seen = await cache.observe(keys);
        expect(digests).toEqual(
          seen.map(({ key, foreignType, meta, markerSeq }, i) => ({
            key,
            foreignType,
            meta,
            markerSeq,
            valueBytes: lengths[i],
            nowMs: digests[i]?.nowMs,
          })),
        );
        expect(await cache.digests([])).toEqual([]);
      });
    });

    it("shows contents as observe does, without times to live, in the order asked", async () => {
      const { cache, write, synced, changeOutside } = await open();
      await synced(await write(setOf({ key: "live", value: "é", ttlMs: MINUTE_MS })));
      await write(setOf({ key: "empty", value: "", sessionId: "session" }));
      await write(deleteOf({ key: "deleted" }));
      await write(setOf({ key: "changed", value: "one" }));
      await changeOutside("changed", "three");
      const keys = ["changed", "nothing", "live", "deleted", "empty", "live"];

      const contents = await cache.contents(keys);

      const seen = await cache.observe(keys);
      expect(contents).toEqual(
        seen.map(({ ttlMs: _ttl, metaTtlMs: _metaTtl, ...rest }, i) => ({
          ...rest,
          nowMs: contents[i]?.nowMs,
        })),
      );
      expect(await cache.contents([])).toEqual([]);
    });

    describe("sample", () => {
      it("gives all keys where there are no more than wanted, deleted ones too, each once", async () => {
        const { cache, write } = await open();
        const keys = Array.from({ length: 30 }, (_, at) => `user:${at}`);
        for (const key of keys) await write(setOf({ key }));
        await write(deleteOf({ key: "deleted" }));

        const sample = await cache.sample({ size: 31, random: new SeededRandom(1) });

        expect(inByteOrder(sample.keys)).toEqual(inByteOrder([...keys, "deleted"]));
        expect(sample.total).toBe(31);
      });

      it("gives as many as wanted, other ones each time, and tells how many there are", async () => {
        const { cache, write } = await open();
        const keys = Array.from({ length: 60 }, (_, at) => `user:${at}`);
        for (const key of keys) await write(setOf({ key }));
        const random = new SeededRandom(2);

        const samples = [];
        for (let round = 0; round < 12; round += 1) {
          samples.push(await cache.sample({ size: 20, random }));
        }

        for (const sample of samples) {
          expect(new Set(sample.keys).size).toBe(20);
          expect(sample.total).toBe(60);
        }
        const met = new Set(samples.flatMap((sample) => sample.keys));
        expect(keys.filter((key) => met.has(key)).length).toBe(met.size);
        expect(met.size).toBeGreaterThan(40);
      });

      it("keeps to the prefix, taken literally", async () => {
        const { cache, write } = await open();
        for (const key of ["a*:1", "a*:2", "ab:1", "a*", "b"]) await write(setOf({ key }));

        const sample = await cache.sample({ prefix: "a*", size: 10, random: new SeededRandom(3) });

        expect(inByteOrder(sample.keys)).toEqual(["a*", "a*:1", "a*:2"]);
        expect(sample.total).toBe(3);
      });

      it("gives nothing of an empty cache", async () => {
        const { cache } = await open();

        expect(await cache.sample({ size: 10, random: new SeededRandom(4) })).toEqual({
          keys: [],
          total: 0,
        });
      });
    });

    it("keeps its scan id while it lives", async () => {
      const { cache, write } = await open();
      const id = await cache.scanId();
      await write(setOf());

      expect(id).not.toBe("");
      expect(await cache.scanId()).toBe(id);
    });

    describe("time to live", () => {
      it("is the time to the value's own deadline, the same for value and meta", async () => {
        const { cache, write, synced, elapse } = await open();
        await synced(await write(setOf({ ttlMs: MINUTE_MS })));
        await elapse(20);

        const [ttlMs] = await cache.timesToLive(["user:1"]);
        const seen = await observeOne(cache, "user:1");

        expect(ttlMs).toBeGreaterThan(MINUTE_MS / 2);
        expect(ttlMs).toBeLessThanOrEqual(MINUTE_MS - 20);
        expect(seen.ttlMs).toBeGreaterThan(MINUTE_MS / 2);
        expect(seen.ttlMs).toBeLessThanOrEqual(ttlMs!);
        expect(seen.metaTtlMs).toBe(seen.ttlMs);
      });

      it("is known before the write is synced", async () => {
        const { cache, write } = await open();
        await write(setOf({ ttlMs: MINUTE_MS }));

        const [ttlMs] = await cache.timesToLive(["user:1"]);

        expect(ttlMs).toBeGreaterThan(MINUTE_MS / 2);
        expect(ttlMs).toBeLessThanOrEqual(MINUTE_MS);
      });

      it("is null without a deadline and undefined without a value, in the order asked", async () => {
        const { cache, write } = await open();
        await write(setOf({ key: "for ever" }));
        await write(deleteOf({ key: "deleted" }));

        const ttls = await cache.timesToLive(["nothing", "for ever", "deleted", "for ever"]);

        expect(ttls).toEqual([undefined, null, undefined, null]);
        expect(await cache.timesToLive([])).toEqual([]);
      });
    });

    describe("scan", () => {
      it("ends at once on an empty cache", async () => {
        const { cache } = await open();

        expect([...(await scanAll(cache))]).toEqual([]);
      });

      it("sees every key that has anything, deleted ones too, page by page", async () => {
        const { cache, write } = await open();
        const keys = Array.from({ length: 50 }, (_, at) => `user:${at}`);
        for (const key of keys) await write(setOf({ key }));
        await write(deleteOf({ key: "deleted" }));

        const seen = await scanAll(cache, { limit: 7 });

        expect(inByteOrder([...seen])).toEqual(inByteOrder([...keys, "deleted"]));
      });

      it.each(["*", "%", "_", "[", "[a-z]", "?", ".", "\\", "^", "{", "\0", "😀"])(
        "takes the prefix %j for plain text",
        async (prefix) => {
          const { cache, write } = await open();
          for (const key of [prefix, `${prefix}x`, "x", `x${prefix}`, "ab", "\u{1f601}"]) {
            await write(setOf({ key }));
          }

          const seen = await scanAll(cache, { prefix, limit: 3 });

          expect(inByteOrder([...seen])).toEqual(inByteOrder([prefix, `${prefix}x`]));
        },
      );

      it("takes an empty prefix for none", async () => {
        const { cache, write } = await open();
        await write(setOf());

        expect([...(await scanAll(cache, { prefix: "", limit: 10 }))]).toEqual(["user:1"]);
      });

      it("sees every key that is there the whole time, while others come and change", async () => {
        const { cache, write } = await open();
        const standing = Array.from({ length: 60 }, (_, at) => `user:${at}`);
        for (const key of standing) await write(setOf({ key }));
        let round = 0;

        const seen = await scanAll(cache, { limit: 5 }, async () => {
          round += 1;
          if (round > 20) return;
          await write(setOf({ key: `new:${round}` }));
          await write(setOf({ key: `user:${round}`, value: "again" }));
          await write(deleteOf({ key: `user:${59 - round}` }));
        });

        expect(standing.filter((key) => !seen.has(key))).toEqual([]);
      });
    });

    if (capabilities.marksPending) {
      describe("pending markers", () => {
        it("stand at every write until the shadow has it", async () => {
          const { cache, write, synced, elapse } = await open();
          const first = await write(setOf({ key: "a" }));
          await write(deleteOf({ key: "b" }));
          await elapse(50);

          expect((await observeOne(cache, "a")).markerSeq).toBe(seqOf(first.version));
          expect(await cache.countPending(20)).toBe(2);
          expect(await cache.countPending(MINUTE_MS)).toBe(0);
          await synced(first);

          expect((await observeOne(cache, "a")).markerSeq).toBeUndefined();
          expect(await cache.countPending(20)).toBe(1);
        });

        it("tell the oldest write that the shadow does not have", async () => {
          const { cache, write } = await open();
          const first = await write(setOf());

          await write(setOf());

          expect((await observeOne(cache, "user:1")).markerSeq).toBe(seqOf(first.version));
        });
      });
    } else {
      it("keeps no markers, and counts nothing as pending", async () => {
        const { cache, write, elapse } = await open();
        await write(setOf());
        await elapse(50);

        expect((await observeOne(cache, "user:1")).markerSeq).toBeUndefined();
        expect(await cache.countPending(0)).toBe(0);
      });
    }

    it("accounts for the bytes it uses", async () => {
      const { cache, write } = await open();
      const beforeBytes = await cache.memoryBytes();

      await write(setOf({ value: "x".repeat(1024 * 1024) }));

      expect((await cache.memoryBytes()) - beforeBytes).toBeGreaterThanOrEqual(1024 * 1024);
    });
  });
}

async function observeOne(cache: CachePort, key: string): Promise<CacheObservation> {
  const [seen] = await cache.observe([key]);
  return seen!;
}

/** The keys that a whole scan shows; `between` runs after each page. */
async function scanAll(
  cache: CachePort,
  page: { prefix?: string; limit: number } = { limit: 10 },
  between: () => Promise<void> = async () => {},
): Promise<Set<string>> {
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const found = await cache.scan(cursor === undefined ? page : { ...page, cursor });
    for (const key of found.keys) seen.add(key);
    cursor = found.cursor;
    await between();
  } while (cursor !== undefined);
  return seen;
}
