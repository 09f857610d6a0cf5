import { describe, expect, it } from "@jest/globals";
import { contentHash } from "../../src/model/content-hash.ts";
import type { ShadowContents, ShadowEntry } from "../../src/model/entry.ts";
import type { ScanPage, StorePort } from "../../src/store/store-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import {
  entryOf,
  inByteOrder,
  ODD_KEYS,
  ODD_VALUES,
  recordNo,
  tombstoneOf,
  versionAt,
  versionNo,
  WRITTEN_MS,
} from "./entries.ts";
import type { OpenShadowHarness } from "./store-harness.ts";

/** Every sentence of store-port.ts, as a claim about one driver. */
export function describeStoreContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} as a store`, () => {
    const open = closedAfterEach(openHarness);

    describe("identity and life", () => {
      it("answers a ping", async () => {
        const { store } = await open();

        await expect(store.ping()).resolves.toBeUndefined();
      });

      it("has one identity for every connection", async () => {
        const { store, openAnother } = await open();
        const another = await openAnother();

        const [id, otherId] = [await store.storeId(), await another.store.storeId()];

        expect(id).not.toBe("");
        expect(otherId).toBe(id);
      });

      it("has another identity than any other store", async () => {
        const [one, other] = [await open(), await open()];

        expect(await one.store.storeId()).not.toBe(await other.store.storeId());
      });

      it("keeps rows and identity when it is closed and opened again", async () => {
        const { store, openAnother } = await open();
        const id = await store.storeId();
        await store.applyNewer([entryOf({ value: "kept" })], "ASYNC_THREAD");
        await store.close();

        const reopened = (await openAnother()).store;

        expect(await reopened.get("user:1")).toMatchObject({ value: "kept" });
        expect(await reopened.storeId()).toBe(id);
      });

      it("fails every call after close with STORE_UNAVAILABLE, and closes twice without harm", async () => {
        const { store } = await open();
        await store.close();

        await expect(store.close()).resolves.toBeUndefined();
        const calls = [
          () => store.ping(),
          () => store.storeId(),
          () => store.get("user:1"),
          () => store.getEach(["user:1"]),
          () => store.getMany(["user:1"]),
          () => store.applyNewer([entryOf()], "ASYNC_THREAD"),
          () => store.scan({ limit: 1 }),
          () => store.scanContents({ limit: 1 }),
          () => store.scanDigests({ limit: 1 }),
          () => store.getDigests(["user:1"]),
          () => store.existing(["user:1"]),
          () => store.keyAfter({ skip: 0 }),
          () => store.staleEntries({ beforeMs: WRITTEN_MS, limit: 1 }),
          () => store.countRows(),
          () => store.acquireLease("check", "one", 1000),
        ];
        for (const call of calls) {
          await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
        }
      });
    });

    describe("get, getEach and getMany", () => {
      it("know nothing of a key that was never written", async () => {
        const { store } = await open();

        expect(await store.get("user:1")).toBeUndefined();
        expect(await store.getEach(["user:1"])).toEqual(new Map());
        expect(await store.getMany(["user:1"])).toEqual(new Map());
      });

      it("give every field back as it was written, with how and when it arrived", async () => {
        const { store, nowMs } = await open();
        const entry = entryOf({
          expiresAtMs: WRITTEN_MS + 1_234_567,
          sessionId: "session \0 😀",
          interactionId: "",
        });
        const beforeMs = nowMs();

        await store.applyNewer([entry], "EVENT_BASED");

        const row = await store.get("user:1");
        expect(row).toEqual({ ...entry, syncMethod: "EVENT_BASED", syncedAtMs: row?.syncedAtMs });
        expect(row?.syncedAtMs).toBeGreaterThanOrEqual(beforeMs);
        expect(row?.syncedAtMs).toBeLessThanOrEqual(nowMs());
        expect(await store.getEach(["user:1"])).toEqual(new Map([["user:1", row]]));
        expect(await store.getMany(["user:1"])).toEqual(new Map([["user:1", row]]));
      });

      it.each(ODD_VALUES)("give back a value of %s byte for byte", async (_name, value) => {
        const { store } = await open();

        await store.applyNewer([entryOf({ value })], "ASYNC_THREAD");

        const row = await store.get("user:1");
        expect(row?.value === value).toBe(true);
        expect(row?.hash).toBe(contentHash(value));
      });

      it.each(ODD_KEYS)("find a key with %s under exactly that key", async (_name, key) => {
        const { store } = await open();
        const entry = entryOf({ key });

        const versions = await store.applyNewer([entry], "ASYNC_THREAD");

        expect(versions).toEqual(new Map([[key, entry.version]]));
        expect(await store.get(key)).toMatchObject({ ...entry });
        expect([...(await store.getMany([key, `${key}x`])).keys()]).toEqual([key]);
        expect((await store.scan({ limit: 10 })).map((row) => row.key)).toEqual([key]);
      });

      it("give a tombstone back as an entry without value", async () => {
        const { store } = await open();
        const tombstone = tombstoneOf({ sessionId: "session" });

        await store.applyNewer([tombstone], "ASYNC_THREAD");

        expect(await store.get("user:1")).toMatchObject({ ...tombstone });
      });

      it("leave out keys without a row, and take the same key twice", async () => {
        const { store } = await open();
        await store.applyNewer([entryOf({ key: "a" }), tombstoneOf({ key: "b" })], "ASYNC_THREAD");

        for (const read of ["getEach", "getMany"] as const) {
          const rows = await store[read](["b", "nothing", "a", "b"]);

          expect([...rows.keys()].toSorted()).toEqual(["a", "b"]);
          expect(await store[read]([])).toEqual(new Map());
        }
      });

      it("see at once what another connection was told is written", async () => {
        const { store, openAnother } = await open();
        const another = await openAnother();
        for (let round = 1; round <= 20; round += 1) {
          const entry = entryOf({ version: versionNo(round), value: `round ${round}` });
          await another.store.applyNewer([entry], "ASYNC_THREAD");

          expect(await store.get("user:1")).toMatchObject({ value: `round ${round}` });
          expect((await store.getEach(["user:1"])).get("user:1")?.version).toBe(entry.version);
          expect((await store.getMany(["user:1"])).get("user:1")?.version).toBe(entry.version);
        }
      });
    });

    describe("applyNewer", () => {
      it("keeps idempotency records until an entry brings others, a delete and one of the same batch too", async () => {
        const { store } = await open();
        const records = (numbers: readonly number[]) => ({ idempotency: numbers.map(recordNo) });
        const get = async () => (await store.get("user:1"))?.idempotency;

        await store.applyNewer([entryOf({ version: versionNo(2) })], "ASYNC_THREAD");
        const before = await get();
        await store.applyNewer(
          [entryOf({ version: versionNo(1), ...records([1]) })],
          "ASYNC_THREAD",
        );
        const late = await get();
        await store.applyNewer(
          [entryOf({ version: versionNo(3), ...records([3]) })],
          "ASYNC_THREAD",
        );
        await store.applyNewer([tombstoneOf({ version: versionNo(4) })], "EVENT_BASED");
        const kept = await get();
        await store.applyNewer(
          [
            entryOf({ version: versionNo(5), ...records([3, 5]) }),
            entryOf({ version: versionNo(6) }),
          ],
          "EVENT_BASED",
        );

        expect([before, late]).toEqual([undefined, undefined]);
        expect(kept).toEqual([recordNo(3)]);
        expect(await store.get("user:1")).toMatchObject({
          version: versionNo(6),
          idempotency: [recordNo(3), recordNo(5)],
        });
      });

      it("keeps the records of an older entry of the same batch, also where the newer comes first", async () => {
        const { store } = await open();

        await store.applyNewer(
          [
            entryOf({ version: versionNo(2) }),
            entryOf({ version: versionNo(1), idempotency: [recordNo(1)] }),
          ],
          "EVENT_BASED",
        );

        expect(await store.get("user:1")).toMatchObject({
          version: versionNo(2),
          idempotency: [recordNo(1)],
        });
      });

      const orders = [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
      ];

      it.each(orders)(
        "ends with the newest of three versions that arrive as %i, %i, %i",
        async (...order) => {
          const { store } = await open();
          let newest = 0;
          for (const number of order) {
            const entry = entryOf({ version: versionNo(number), value: `value ${number}` });
            newest = Math.max(newest, number);

            const versions = await store.applyNewer([entry], "ASYNC_THREAD");

            expect(versions).toEqual(new Map([["user:1", versionNo(newest)]]));
          }
          expect(await store.get("user:1")).toMatchObject({
            version: versionNo(3),
            value: "value 3",
          });
        },
      );

      it.each(orders)(
        "ends with the newest of three versions in one call as %i, %i, %i",
        async (...order) => {
          const { store } = await open();
          const entries = order.map((number) =>
            entryOf({ version: versionNo(number), value: `value ${number}` }),
          );

          const versions = await store.applyNewer(entries, "ASYNC_THREAD");

          expect(versions).toEqual(new Map([["user:1", versionNo(3)]]));
          expect(await store.get("user:1")).toMatchObject({
            version: versionNo(3),
            value: "value 3",
          });
        },
      );

      it("leaves a row untouched by the version that it already has", async () => {
        const { store, elapse } = await open();
        await store.applyNewer([entryOf()], "ASYNC_THREAD");
        const first = await store.get("user:1");
        await elapse(20);

        const versions = await store.applyNewer(
          [entryOf({ value: "the same version" }), entryOf({ value: "again" })],
          "EVENT_BASED",
        );

        expect(versions).toEqual(new Map([["user:1", versionNo(1)]]));
        expect(await store.get("user:1")).toEqual(first);
      });

      it("judges each entry of a call by itself and tells the version each row has now", async () => {
        const { store } = await open();
        await store.applyNewer(
          [
            entryOf({ key: "ahead", version: versionNo(9) }),
            entryOf({ key: "behind", version: versionNo(1) }),
            entryOf({ key: "equal", version: versionNo(5) }),
          ],
          "ASYNC_THREAD",
        );

        const versions = await store.applyNewer(
          ["ahead", "behind", "equal", "new"].map((key) =>
            entryOf({ key, version: versionNo(5), value: "now" }),
          ),
          "EVENT_BASED",
        );

        expect(versions).toEqual(
          new Map([
            ["ahead", versionNo(9)],
            ["behind", versionNo(5)],
            ["equal", versionNo(5)],
            ["new", versionNo(5)],
          ]),
        );
        const rows = await store.getMany(["ahead", "behind", "equal", "new"]);
        expect([...rows].map(([key, row]) => `${key} ${row.value}`).toSorted()).toEqual([
          "ahead a value",
          "behind now",
          "equal a value",
          "new now",
        ]);
      });

      it("lets a tombstone replace a value, and no older value replace the tombstone", async () => {
        const { store } = await open();
        await store.applyNewer([entryOf({ version: versionNo(1) })], "ASYNC_THREAD");
        await store.applyNewer([tombstoneOf({ version: versionNo(3) })], "ASYNC_THREAD");

        const late = await store.applyNewer([entryOf({ version: versionNo(2) })], "EVENT_BASED");

        expect(late).toEqual(new Map([["user:1", versionNo(3)]]));
        expect(await store.get("user:1")).toMatchObject({ value: null, hash: "" });
      });

      it("lets a newer value replace a tombstone, with all its fields", async () => {
        const { store } = await open();
        await store.applyNewer(
          [tombstoneOf({ version: versionNo(1), sessionId: "old" })],
          "ASYNC_THREAD",
        );
        const entry = entryOf({
          version: versionNo(2),
          expiresAtMs: WRITTEN_MS + 5,
          interactionId: "new",
        });

        await store.applyNewer([entry], "EVENT_BASED");

        expect(await store.get("user:1")).toMatchObject({ ...entry, syncMethod: "EVENT_BASED" });
      });

      it("takes a later epoch for newer, whatever the rest of the version says", async () => {
        const { store } = await open();
        await store.applyNewer([entryOf({ version: versionNo(9, 1) })], "ASYNC_THREAD");

        const versions = await store.applyNewer(
          [entryOf({ version: versionNo(1, 2) })],
          "ASYNC_THREAD",
        );

        expect(versions).toEqual(new Map([["user:1", versionNo(1, 2)]]));
      });

      it("fails with DOCUMENT_REFUSED where a rule of the store forbids one entry, and takes the others by themselves", async () => {
        const { store, forbid } = await open();
        await store.applyNewer([entryOf({ key: "before" })], "ASYNC_THREAD");
        const forbidden = entryOf({ key: "forbidden", value: "secret" });
        const allowed = entryOf({ key: "allowed" });
        await forbid("forbidden");

        for (const entries of [[forbidden], [allowed, forbidden], [forbidden, allowed]]) {
          await expect(store.applyNewer(entries, "EVENT_BASED")).rejects.toMatchObject({
            code: "DOCUMENT_REFUSED",
            message: expect.not.stringContaining("secret"),
          });
        }
        await store.applyNewer([allowed], "EVENT_BASED");

        const rows = await store.getMany(["before", "allowed", "forbidden"]);
        expect([...rows.keys()].toSorted()).toEqual(["allowed", "before"]);
      });

      it("writes nothing for an empty call", async () => {
        const { store } = await open();

        expect(await store.applyNewer([], "ASYNC_THREAD")).toEqual(new Map());
        expect(await store.countRows()).toBe(0);
      });

      it("takes a thousand entries in one call", async () => {
        const { store } = await open();
        const entries = Array.from({ length: 1000 }, (_, at) => entryOf({ key: `user:${at}` }));

        const versions = await store.applyNewer(entries, "ASYNC_THREAD");

        expect(versions.size).toBe(1000);
        expect(await store.countRows()).toBe(1000);
        expect((await store.getMany(entries.map((entry) => entry.key))).size).toBe(1000);
      });

      it("keeps the newest when two connections write the same keys at once", async () => {
        const { store, openAnother } = await open();
        const writers = [store, (await openAnother()).store];
        const keys = Array.from({ length: 20 }, (_, at) => `user:${at}`);

        const rounds = Array.from({ length: 20 }, (_, at) => {
          const version = versionNo(20 - at);
          const entries = keys.map((key) => entryOf({ key, version, value: version }));
          return writers[at % 2]!.applyNewer(entries, "ASYNC_THREAD").then((told) => ({
            version,
            told,
          }));
        });

        for (const { version, told } of await Promise.all(rounds)) {
          for (const key of keys) expect(told.get(key)! >= version).toBe(true);
        }
        for (const row of (await store.getMany(keys)).values()) {
          expect(row).toMatchObject({ version: versionNo(20), value: versionNo(20) });
        }
      });
    });

    describe("scan", () => {
      it("pages through all rows in the byte order of their keys, each once", async () => {
        const { store } = await open();
        const keys = [
          "b",
          "a",
          "a\0",
          "a\0b",
          "ab",
          "B",
          "é",
          "z",
          "\uff5e",
          "😀",
          "\ufffd",
          "\u{10ffff}",
          "~",
        ];
        await store.applyNewer(
          keys.map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        const pages = await readPages(store, { limit: 4 });

        expect(pages.flat().map((row) => row.key)).toEqual(inByteOrder(keys));
        expect(pages.map((page) => page.length)).toEqual([4, 4, 4, 1]);
      });

      it("gives whole rows, dead ones too", async () => {
        const { store } = await open();
        await store.applyNewer(
          [tombstoneOf({ key: "a" }), entryOf({ key: "b", expiresAtMs: 1 }), entryOf({ key: "c" })],
          "ASYNC_THREAD",
        );

        const rows = await store.scan({ limit: 10 });

        expect(rows).toEqual([...(await store.getMany(["a", "b", "c"])).values()].toSorted(byKey));
      });

      it("begins after the given key, whether or not that key has a row", async () => {
        const { store } = await open();
        await store.applyNewer(
          ["a", "b", "c"].map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        expect(await keysOf(store, { afterKey: "b", limit: 10 })).toEqual(["c"]);
        expect(await keysOf(store, { afterKey: "a\0", limit: 10 })).toEqual(["b", "c"]);
        expect(await keysOf(store, { afterKey: "c", limit: 10 })).toEqual([]);
      });

      it.each(["*", "%", "_", "[", "[a-z]", "?", ".", "\\", "^", "$", "(", "{", "a|b", "\0"])(
        "takes the prefix %j for plain text",
        async (prefix) => {
          const { store } = await open();
          const keys = [prefix, `${prefix}x`, "x", `x${prefix}`, "axb", "ab"];
          await store.applyNewer(
            keys.map((key) => entryOf({ key })),
            "ASYNC_THREAD",
          );

          expect(await keysOf(store, { prefix, limit: 10 })).toEqual([prefix, `${prefix}x`]);
        },
      );

      it("tells upper from lower case in a prefix", async () => {
        const { store } = await open();
        await store.applyNewer(
          ["User:1", "user:1"].map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        expect(await keysOf(store, { prefix: "user:", limit: 10 })).toEqual(["user:1"]);
      });

      it.each(["😀", "é", "\u{10ffff}", "\ud7ff", "\uffff", "~", "\x7f", "k".repeat(1000)])(
        "ends a prefix where the next character begins: %j",
        async (prefix) => {
          const { store } = await open();
          const inside = [prefix, `${prefix}\0`, `${prefix}a`, `${prefix}\u{10ffff}`];
          const outside = [
            "\u{1f601}",
            "\u{1f5ff}",
            "ê",
            "è",
            "\ue000",
            "\u{10000}",
            "\x80",
            "a",
            "l",
          ];
          await store.applyNewer(
            [...inside, ...outside].map((key) => entryOf({ key })),
            "ASYNC_THREAD",
          );

          expect(await keysOf(store, { prefix, limit: 50 })).toEqual(inByteOrder(inside));
        },
      );

      it("pages within a prefix and stops at its end", async () => {
        const { store } = await open();
        const keys = ["a:1", "b:1", "b:2", "b:3", "b:4", "c:1"];
        await store.applyNewer(
          keys.map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        const pages = await readPages(store, { prefix: "b:", limit: 2 });

        expect(pages.map((page) => page.map((row) => row.key))).toEqual([
          ["b:1", "b:2"],
          ["b:3", "b:4"],
          [],
        ]);
        expect(await keysOf(store, { prefix: "b:", afterKey: "a:9", limit: 1 })).toEqual(["b:1"]);
        expect(await keysOf(store, { prefix: "b:", afterKey: "c", limit: 1 })).toEqual([]);
      });

      it("takes an empty prefix for none", async () => {
        const { store } = await open();
        await store.applyNewer(
          ["a", "b"].map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );

        expect(await keysOf(store, { prefix: "", limit: 10 })).toEqual(["a", "b"]);
      });

      it("shows every row that stood the whole time, once, while others are written", async () => {
        const { store } = await open();
        const standing = Array.from(
          { length: 20 },
          (_, at) => `user:${String(at).padStart(2, "0")}`,
        );
        await store.applyNewer(
          standing.map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );
        const seen: string[] = [];

        for (let round = 2; round < 20; round += 1) {
          const afterKey = seen.at(-1);
          const page = await store.scan({
            limit: 3,
            ...(afterKey === undefined ? {} : { afterKey }),
          });
          seen.push(...page.map((row) => row.key));
          const between = ["user:00-", `user:${round}+`, `user:0${round % 10}+`];
          await store.applyNewer(
            [...between, ...standing].map((key) => entryOf({ key, version: versionNo(round) })),
            "ASYNC_THREAD",
          );
        }

        expect(seen.filter((key) => standing.includes(key))).toEqual(standing);
      });
    });

    describe("staleEntries", () => {
      it("counts the live rows not written since, and names the first of them, oldest first", async () => {
        const { store } = await open();
        const written = [
          ["third", 3],
          ["first", 1],
          ["fourth", 4],
          ["second", 2],
          ["at that time", 10],
          ["after it", 11],
        ] as const;
        await store.applyNewer(
          written.map(([key, ms]) => entryOf({ key, version: versionAt(WRITTEN_MS + ms) })),
          "ASYNC_THREAD",
        );

        const stale = await store.staleEntries({ beforeMs: WRITTEN_MS + 10, limit: 3 });

        expect(stale).toEqual({ count: 4, keys: ["first", "second", "third"] });
      });

      it("leaves out tombstones and expired values, and keeps what has yet to expire", async () => {
        const { store, nowMs } = await open();
        await store.applyNewer(
          [
            tombstoneOf({ key: "deleted" }),
            entryOf({ key: "expired", expiresAtMs: nowMs() - 1 }),
            entryOf({ key: "live", expiresAtMs: nowMs() + 60_000 }),
          ],
          "ASYNC_THREAD",
        );

        const stale = await store.staleEntries({ beforeMs: WRITTEN_MS + 1000, limit: 10 });

        expect(stale).toEqual({ count: 1, keys: ["live"] });
      });

      it("looks only at keys under the prefix, which is plain text", async () => {
        const { store } = await open();
        const keys = ["a:1", "%:1", "%:2", "a%:1", "😀1"];
        await store.applyNewer(
          keys.map((key) => entryOf({ key })),
          "ASYNC_THREAD",
        );
        const query = { beforeMs: WRITTEN_MS + 1000, limit: 10 };

        expect((await store.staleEntries({ ...query, prefix: "%:" })).count).toBe(2);
        expect((await store.staleEntries({ ...query, prefix: "😀" })).keys).toEqual(["😀1"]);
        expect((await store.staleEntries({ ...query, prefix: "" })).count).toBe(5);
      });

      it("forgets that a row was stale once it is written again", async () => {
        const { store } = await open();
        await store.applyNewer([entryOf()], "ASYNC_THREAD");

        await store.applyNewer(
          [entryOf({ version: versionAt(WRITTEN_MS + 5000) })],
          "ASYNC_THREAD",
        );

        expect(await store.staleEntries({ beforeMs: WRITTEN_MS + 1000, limit: 10 })).toEqual({
          count: 0,
          keys: [],
        });
      });
    });

    it("scans contents as it scans rows", async () => {
      const { store } = await open();
      await store.applyNewer(
        [
          tombstoneOf({ key: "a", version: versionNo(2) }),
          entryOf({ key: "b", value: "", expiresAtMs: WRITTEN_MS }),
          entryOf({ key: "c", value: "é!" }),
        ],
        "ASYNC_THREAD",
      );

      const pages = [
        await store.scanContents({ limit: 2 }),
        await store.scanContents({ limit: 2, afterKey: "b" }),
        await store.scanContents({ limit: 2, prefix: "b" }),
        await store.scanContents({ limit: 0 }),
      ];

      const [a, b, c] = await store.scan({ limit: 3 });
      expect(pages).toMatchObject(
        [[a, b], [c], [b], []].map((rows) => rows.map((row) => contentsOf(row!))),
      );
      expect(pages.map((rows) => rows.length)).toEqual([2, 1, 1, 0]);
    });

    describe("digests of rows", () => {
      const bytesOf: Readonly<Record<string, number | null>> = { a: null, b: 0, c: 3, d: 7 };
      const fill = async (store: StorePort) => {
        const entries = [
          tombstoneOf({ key: "a", version: versionNo(2) }),
          entryOf({ key: "b", value: "", expiresAtMs: 1 }),
          entryOf({ key: "c", value: "é!", expiresAtMs: WRITTEN_MS }),
          entryOf({ key: "d" }),
        ];
        await store.applyNewer(entries, "ASYNC_THREAD");
        return entries.map(({ key, version, hash, expiresAtMs }) => ({
          key,
          version,
          hash,
          expiresAtMs,
          valueBytes: bytesOf[key],
        }));
      };

      it("tell everything but the value, of rows by key", async () => {
        const { store } = await open();
        const digests = await fill(store);

        const found = await store.getDigests(["d", "nothing", "a", "b", "c", "a"]);

        expect([...found.values()].toSorted(byKey)).toEqual(digests);
        expect(await store.getDigests([])).toEqual(new Map());
      });

      it("tell the same page by page, in key order", async () => {
        const { store } = await open();
        const digests = await fill(store);

        expect(await store.scanDigests({ limit: 3 })).toEqual(digests.slice(0, 3));
        expect(await store.scanDigests({ limit: 3, afterKey: "c" })).toEqual(digests.slice(3));
        expect(await store.scanDigests({ limit: 3, prefix: "c" })).toEqual(digests.slice(2, 3));
        expect(await store.scanDigests({ limit: 0 })).toEqual([]);
      });
    });

    it("tells which keys have a row, dead ones too", async () => {
      const { store } = await open();
      await store.applyNewer(
        [tombstoneOf({ key: "dead" }), entryOf({ key: "live" })],
        "ASYNC_THREAD",
      );

      expect(await store.existing(["nothing", "live", "dead", "live"])).toEqual(
        new Set(["live", "dead"]),
      );
      expect(await store.existing([])).toEqual(new Set());
    });

    it("finds a key so many rows further on, in key order", async () => {
      const { store } = await open();
      const keys = ["a:1", "a:2", "b:1", "b:2", "b:3", "é"];
      await store.applyNewer(
        keys.map((key) => entryOf({ key })),
        "ASYNC_THREAD",
      );

      expect(await store.keyAfter({ skip: 0 })).toBe("a:1");
      expect(await store.keyAfter({ skip: 5 })).toBe("é");
      expect(await store.keyAfter({ skip: 6 })).toBeUndefined();
      expect(await store.keyAfter({ afterKey: "a:2", skip: 1 })).toBe("b:2");
      expect(await store.keyAfter({ afterKey: "b", skip: 0 })).toBe("b:1");
      expect(await store.keyAfter({ prefix: "b:", skip: 2 })).toBe("b:3");
      expect(await store.keyAfter({ prefix: "b:", skip: 3 })).toBeUndefined();
      expect(await store.keyAfter({ prefix: "b:", afterKey: "b:1", skip: 1 })).toBe("b:3");
    });

    it("counts the rows under a prefix, taken literally", async () => {
      const { store } = await open();
      const keys = ["a*", "a*1", "ab", "b", "%"];
      await store.applyNewer(
        keys.map((key) => entryOf({ key })),
        "ASYNC_THREAD",
      );

      expect(await store.countRows("a*")).toBe(2);
      expect(await store.countRows("%")).toBe(1);
      expect(await store.countRows("c")).toBe(0);
      expect(await store.countRows("")).toBe(5);
    });

    it("counts rows, dead ones too, each key once", async () => {
      const { store } = await open();
      await store.applyNewer([entryOf({ key: "a" }), tombstoneOf({ key: "b" })], "ASYNC_THREAD");
      await store.applyNewer([entryOf({ key: "a", version: versionNo(2) })], "ASYNC_THREAD");

      expect(await store.countRows()).toBe(2);
    });

    describe("acquireLease", () => {
      it("gives a free lease to the first who asks and to nobody else", async () => {
        const { store, openAnother } = await open();
        const another = (await openAnother()).store;

        expect(await store.acquireLease("check", "one", 60_000)).toBe(true);
        expect(await another.acquireLease("check", "other", 60_000)).toBe(false);
        expect(await another.acquireLease("another job", "other", 60_000)).toBe(true);
      });

      it("gives a lease to one of many who ask at once", async () => {
        const { store, openAnother } = await open();
        const stores = [store, (await openAnother()).store];

        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, at) =>
            stores[at % 2]!.acquireLease("check", `owner ${at}`, 60_000),
          ),
        );

        expect(answers.filter(Boolean)).toHaveLength(1);
      });

      it("renews for its owner, counted from the renewal", async () => {
        const { store, elapse } = await open();
        await store.acquireLease("check", "one", 200);

        expect(await store.acquireLease("check", "one", 60_000)).toBe(true);
        await elapse(300);

        expect(await store.acquireLease("check", "other", 60_000)).toBe(false);
      });

      it("passes to another owner once it has run out", async () => {
        const { store, elapse } = await open();
        await store.acquireLease("check", "one", 100);
        await elapse(200);

        expect(await store.acquireLease("check", "other", 60_000)).toBe(true);
        expect(await store.acquireLease("check", "one", 60_000)).toBe(false);
      });
    });
  });
}

async function readPages(store: StorePort, page: ScanPage): Promise<(readonly ShadowEntry[])[]> {
  const pages: (readonly ShadowEntry[])[] = [];
  let rows = await store.scan(page);
  pages.push(rows);
  while (rows.length === page.limit) {
    rows = await store.scan({ ...page, afterKey: rows.at(-1)!.key });
    pages.push(rows);
  }
  return pages;
}

async function keysOf(store: StorePort, page: ScanPage): Promise<readonly string[]> {
  return (await store.scan(page)).map((row) => row.key);
}

function byKey(left: { readonly key: string }, right: { readonly key: string }): number {
  return Buffer.compare(Buffer.from(left.key), Buffer.from(right.key));
}

function contentsOf({ key, version, value, hash, expiresAtMs }: ShadowEntry): ShadowContents {
  return { key, version, value, hash, expiresAtMs };
}
