import { describe, expect, it } from "@jest/globals";
import { BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import type { OutboxEvent, OutboxPort } from "../../src/store/outbox-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import {
  entryOf,
  ODD_KEYS,
  ODD_VALUES,
  recordNo,
  tombstoneOf,
  versionNo,
  WRITTEN_MS,
} from "./entries.ts";
import type { OpenShadowHarness } from "./store-harness.ts";

/** Longer than any test takes, on a server too. */
const LONG_MS = 60_000;

/** Every sentence of outbox-port.ts, as a claim about one driver. */
export function describeOutboxContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} as an outbox`, () => {
    const open = closedAfterEach(openHarness);

    describe("append", () => {
      it("adds one unprocessed event for each entry, of the same key too", async () => {
        const { outbox } = await open();
        const entries = [
          entryOf({ key: "a", version: versionNo(1) }),
          entryOf({ key: "a", version: versionNo(2) }),
          tombstoneOf({ key: "b", version: versionNo(3) }),
        ];

        await outbox.append(entries);
        await outbox.append([]);

        const events = await claimAll(outbox);
        expect(events.map((event) => event.entry).toSorted(byVersion)).toEqual(entries);
        expect(events.map((event) => event.attempts)).toEqual([0, 0, 0]);
        expect(new Set(events.map((event) => event.id)).size).toBe(3);
      });

      it("keeps every field of an entry", async () => {
        const { outbox } = await open();
        const entry = entryOf({
          expiresAtMs: WRITTEN_MS + 1_234_567,
          sessionId: "",
          interactionId: "interaction \0 😀",
          idempotency: [recordNo(1), recordNo(2)],
        });

        await outbox.append([entry]);

        expect((await outbox.unprocessedOf(["user:1"])).get("user:1")?.[0]?.entry).toEqual(entry);
        expect((await claimAll(outbox))[0]?.entry).toEqual(entry);
      });

      it.each(ODD_VALUES)("keeps a value of %s byte for byte", async (_name, value) => {
        const { outbox } = await open();

        await outbox.append([entryOf({ value })]);

        expect((await claimAll(outbox))[0]?.entry.value === value).toBe(true);
      });

      it.each(ODD_KEYS)("keeps a key with %s", async (_name, key) => {
        const { outbox } = await open();

        await outbox.append([entryOf({ key })]);

        expect([...(await outbox.unprocessedOf([key, `${key}x`])).keys()]).toEqual([key]);
        expect((await claimAll(outbox))[0]?.entry.key).toBe(key);
      });

      it("is durable: the events are there when the store is closed and opened again", async () => {
        const { store, outbox, openAnother } = await open();
        await outbox.append([entryOf()]);
        await store.close();

        const reopened = (await openAnother()).outbox;

        expect(await reopened.countUnprocessed()).toBe(1);
        expect(await claimAll(reopened)).toHaveLength(1);
      });

      it("does not touch the row of its key", async () => {
        const { store, outbox } = await open();

        await outbox.append([entryOf()]);

        expect(await store.get("user:1")).toBeUndefined();
      });
    });

    describe("claim", () => {
      it("gives nothing when there is nothing", async () => {
        const { outbox } = await open();

        expect(await claimAll(outbox)).toEqual([]);
      });

      it("gives at most the limit, oldest first", async () => {
        const { outbox, elapse } = await open();
        for (let number = 1; number <= 5; number += 1) {
          await outbox.append([entryOf({ version: versionNo(9 - number) })]);
          await elapse(5);
        }

        const first = await outbox.claim({ owner: "one", limit: 2, leaseMs: LONG_MS });
        const rest = await outbox.claim({ owner: "one", limit: 10, leaseMs: LONG_MS });

        expect(versionsOf(first)).toEqual([8, 7].map((number) => versionNo(number)));
        expect(versionsOf(rest)).toEqual([6, 5, 4].map((number) => versionNo(number)));
      });

      it("gives no event again while its lease lives, to its owner neither", async () => {
        const { outbox, openAnother } = await open();
        await outbox.append([entryOf()]);
        await outbox.claim({ owner: "one", limit: 10, leaseMs: LONG_MS });

        expect(await outbox.claim({ owner: "one", limit: 10, leaseMs: LONG_MS })).toEqual([]);
        const another = (await openAnother()).outbox;
        expect(await another.claim({ owner: "other", limit: 10, leaseMs: LONG_MS })).toEqual([]);
      });

      it("never gives two owners the same event, when they claim at once from two connections", async () => {
        const { outbox, openAnother } = await open();
        const outboxes = [outbox, (await openAnother()).outbox];
        await outbox.append(
          Array.from({ length: 200 }, (_, at) => entryOf({ version: versionNo(at) })),
        );

        const claims = await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            outboxes[at % 2]!.claim({ owner: `owner ${at}`, limit: 20, leaseMs: LONG_MS }),
          ),
        );

        const claimed = claims.flat().map((event) => event.id);
        expect(new Set(claimed).size).toBe(claimed.length);
        const left = await outbox.claim({ owner: "last", limit: 200, leaseMs: LONG_MS });
        expect(new Set([...claimed, ...left.map((event) => event.id)]).size).toBe(200);
        expect(claimed.length + left.length).toBe(200);
      });

      it("gives an event again once its lease has run out, and counts that as no attempt", async () => {
        const { outbox, openAnother, elapse } = await open();
        const another = (await openAnother()).outbox;
        await outbox.append([entryOf()]);
        const [lost] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 100 });
        await elapse(200);

        const [found] = await another.claim({ owner: "other", limit: 1, leaseMs: LONG_MS });

        expect(found).toEqual(lost);
        expect(await claimAll(outbox)).toEqual([]);
      });

      it("passes over leased events to the free ones behind them", async () => {
        const { outbox, elapse } = await open();
        await outbox.append([entryOf({ key: "a" })]);
        await elapse(5);
        await outbox.append([entryOf({ key: "b" })]);
        await outbox.claim({ owner: "one", limit: 1, leaseMs: LONG_MS });

        const next = await outbox.claim({ owner: "other", limit: 1, leaseMs: LONG_MS });

        expect(next.map((event) => event.entry.key)).toEqual(["b"]);
      });

      it("hands out a thousand events in one call", async () => {
        const { outbox } = await open();
        await outbox.append(
          Array.from({ length: 1000 }, (_, at) => entryOf({ key: `user:${at}` })),
        );

        const events = await claimAll(outbox);
        await outbox.markProcessed(events.map((event) => event.id));

        expect(events).toHaveLength(1000);
        expect(await outbox.countUnprocessed()).toBe(0);
      });
    });

    describe("markProcessed", () => {
      it("takes events out for good, each only once", async () => {
        const { outbox, elapse } = await open();
        await outbox.append([entryOf({ key: "a" }), entryOf({ key: "b" })]);
        const events = await outbox.claim({ owner: "one", limit: 10, leaseMs: 100 });
        const done = events.filter((event) => event.entry.key === "a").map((event) => event.id);

        await outbox.markProcessed(done);
        await outbox.markProcessed(done);
        await elapse(200);

        expect(await outbox.countUnprocessed()).toBe(1);
        expect([...(await outbox.unprocessedOf(["a", "b"])).keys()]).toEqual(["b"]);
        expect((await claimAll(outbox)).map((event) => event.entry.key)).toEqual(["b"]);
      });

      it("ignores ids that it does not know", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);

        await outbox.markProcessed(["unknown", "", "999999", "6920a0000000000000000000"]);
        await outbox.markProcessed([]);

        expect(await outbox.countUnprocessed()).toBe(1);
      });

      it("holds when the lease had run out and another owner has the event by then", async () => {
        const { outbox, elapse } = await open();
        await outbox.append([entryOf()]);
        const late = await outbox.claim({ owner: "one", limit: 1, leaseMs: 100 });
        await elapse(200);
        const again = await outbox.claim({ owner: "other", limit: 1, leaseMs: LONG_MS });

        await outbox.markProcessed(late.map((event) => event.id));
        await outbox.release(
          again.map((event) => event.id),
          0,
          "refused",
        );

        expect(await outbox.countUnprocessed()).toBe(0);
        expect(await claimAll(outbox)).toEqual([]);
      });
    });

    describe("release", () => {
      it("gives refused events back with one attempt more, after the time it was told", async () => {
        const { outbox, openAnother, elapse } = await open();
        const another = (await openAnother()).outbox;
        await outbox.append([entryOf()]);
        const [claimed] = await outbox.claim({ owner: "one", limit: 1, leaseMs: LONG_MS });

        await outbox.release([claimed!.id], 2000, "refused");

        expect(await claimAll(another)).toEqual([]);
        await elapse(2100);
        expect(await claimAll(another)).toEqual([{ ...claimed, attempts: 1 }]);
      });

      it("counts each refusal", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        for (const attempts of [0, 1, 2]) {
          const events = await claimAll(outbox);
          expect(events.map((event) => event.attempts)).toEqual([attempts]);

          await outbox.release(
            events.map((event) => event.id),
            0,
            "refused",
          );
        }
      });

      it("counts nothing in an outage, and gives the events back after the time it was told", async () => {
        const { outbox, openAnother, elapse } = await open();
        const another = (await openAnother()).outbox;
        await outbox.append([entryOf()]);
        const [first] = await claimAll(outbox);
        await outbox.release([first!.id], 0, "refused");
        const [claimed] = await claimAll(outbox);

        await outbox.release([claimed!.id], 2000, "outage");

        expect(await claimAll(another)).toEqual([]);
        await elapse(2100);
        expect(await claimAll(another)).toEqual([{ ...first, attempts: 1 }]);
      });

      it("counts one attempt where an id is named twice", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const [claimed] = await claimAll(outbox);

        await outbox.release([claimed!.id, claimed!.id], 0, "refused");

        expect(await claimAll(outbox)).toEqual([{ ...claimed, attempts: 1 }]);
      });

      it("ignores processed and unknown events", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const ids = (await claimAll(outbox)).map((event) => event.id);
        await outbox.markProcessed(ids);

        await outbox.release([...ids, "unknown"], 0, "refused");
        await outbox.release([], 0, "refused");

        expect(await outbox.countUnprocessed()).toBe(0);
        expect(await claimAll(outbox)).toEqual([]);
      });
    });

    describe("parked events", () => {
      it("are claimed by nobody, however long they wait, and are in no later event's way", async () => {
        const { outbox, elapse } = await open();
        await outbox.append([entryOf({ version: versionNo(1) })]);
        const [refused] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 100 });

        await outbox.park([refused!.id], "too large");
        await outbox.append([entryOf({ version: versionNo(2) })]);
        await elapse(200);

        expect(versionsOf(await claimAll(outbox))).toEqual([versionNo(2)]);
      });

      it("are listed with key, version, cause, attempts and since when", async () => {
        const { outbox, nowMs } = await open();
        await outbox.append([entryOf({ key: "user:{x}", version: versionNo(7) })]);
        const [claimed] = await claimAll(outbox);
        await outbox.release([claimed!.id], 0, "refused");
        await claimAll(outbox);

        await outbox.park([claimed!.id], "$too large");

        const { letters, cursor } = await outbox.deadLetters({ limit: 10 });
        expect(letters).toEqual([
          {
            id: claimed!.id,
            key: "user:{x}",
            version: versionNo(7),
            cause: "$too large",
            attempts: 2,
            sinceMs: expect.any(Number),
          },
        ]);
        expect(Math.abs(letters[0]!.sinceMs! - nowMs())).toBeLessThan(LONG_MS);
        expect(cursor).toBeUndefined();
      });

      it("are still unprocessed events of their key, and say that they are parked", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf({ key: "a" }), entryOf({ key: "b" })]);
        const events = await claimAll(outbox);

        await outbox.park([idOf(events, "a")], "refused");

        const found = await outbox.unprocessedOf(["a", "b"]);
        expect(found.get("a")).toMatchObject([{ attempts: 1, dead: true }]);
        expect(found.get("b")?.[0]).not.toHaveProperty("dead");
        expect(await outbox.countUnprocessed()).toBe(2);
        expect(await outbox.countDead()).toBe(1);
      });

      it("are listed page by page, in the order in which they were appended", async () => {
        const { outbox } = await open();
        for (let number = 1; number <= 5; number += 1) {
          await outbox.append([entryOf({ version: versionNo(number) })]);
        }
        const ids = (await claimAll(outbox)).map((event) => event.id);
        await outbox.park(ids.toReversed(), "refused");

        const pages: (string | null)[][] = [];
        let cursor: string | undefined;
        do {
          const page = await outbox.deadLetters({
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          });
          pages.push(page.letters.map((letter) => letter.version));
          cursor = page.cursor;
        } while (cursor !== undefined);

        expect(pages).toEqual([[1, 2], [3, 4], [5]].map((page) => page.map((no) => versionNo(no))));
      });

      it.each(["nonsense", "-1", "eyJhIjoxfQ"])("have no page at the cursor %s", async (cursor) => {
        const { outbox } = await open();

        await expect(outbox.deadLetters({ limit: 2, cursor })).rejects.toMatchObject({
          code: "INPUT_INVALID",
        });
      });

      it("stay parked when a late owner gives them back, and go when one has applied them after all", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const ids = (await claimAll(outbox)).map((event) => event.id);
        await outbox.park(ids, "refused");

        await outbox.release(ids, 0, "refused");
        await outbox.park(ids, "refused again");
        const { letters } = await outbox.deadLetters({ limit: 10 });
        await outbox.markProcessed(ids);

        expect(letters).toMatchObject([{ attempts: 1, cause: "refused" }]);
        expect(await outbox.countDead()).toBe(0);
        expect(await outbox.countUnprocessed()).toBe(0);
        expect((await outbox.deadLetters({ limit: 10 })).letters).toEqual([]);
      });

      it("are not made of processed or unknown events", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const ids = (await claimAll(outbox)).map((event) => event.id);
        await outbox.markProcessed(ids);

        await outbox.park([...ids, "unknown", "999999", "6920a0000000000000000000"], "refused");
        await outbox.park([], "refused");

        expect(await outbox.countDead()).toBe(0);
      });
    });

    describe("replay", () => {
      async function parked(outbox: OutboxPort, count: number): Promise<readonly string[]> {
        for (let number = 1; number <= count; number += 1) {
          await outbox.append([entryOf({ version: versionNo(number) })]);
        }
        const ids = (await claimAll(outbox)).map((event) => event.id);
        await outbox.park(ids, "refused");
        return ids;
      }

      it("puts all parked events back, as if nothing had been tried", async () => {
        const { outbox } = await open();
        await parked(outbox, 3);

        expect(await outbox.replay({ limit: 10 })).toBe(3);

        expect(await outbox.countDead()).toBe(0);
        const events = await claimAll(outbox);
        expect(versionsOf(events)).toEqual([1, 2, 3].map((number) => versionNo(number)));
        expect(events.map(({ attempts, dead }) => [attempts, dead])).toEqual(
          events.map(() => [0, undefined]),
        );
      });

      it("takes those that were appended first where there are more than the limit", async () => {
        const { outbox } = await open();
        const ids = await parked(outbox, 3);

        expect(await outbox.replay({ limit: 2 })).toBe(2);
        expect(await outbox.replay({ limit: 0 })).toBe(0);

        const { letters } = await outbox.deadLetters({ limit: 10 });
        expect(letters.map((letter) => letter.id)).toEqual([ids[2]]);
      });

      it("takes only those that are named and parked", async () => {
        const { outbox } = await open();
        const ids = await parked(outbox, 3);
        await outbox.append([entryOf({ key: "waiting" })]);
        const waiting = (await outbox.unprocessedOf(["waiting"])).get("waiting")![0]!.id;

        const named = [ids[1]!, ids[1]!, waiting, "unknown", "999999", "6920a0000000000000000000"];
        const replayed = await outbox.replay({ ids: named, limit: 10 });

        expect(replayed).toBe(1);
        expect(await outbox.countDead()).toBe(2);
        expect(await outbox.replay({ ids: [], limit: 10 })).toBe(0);
      });
    });

    describe("unprocessedOf", () => {
      it("gives the events of each key, claimed ones too, oldest first, and leaves out keys without any", async () => {
        const { outbox, openAnother, elapse } = await open();
        const another = (await openAnother()).outbox;
        for (const number of [3, 1, 2]) {
          await outbox.append([
            entryOf({ key: "a", version: versionNo(number) }),
            entryOf({ key: "b", version: versionNo(number + 10) }),
          ]);
          await elapse(5);
        }
        await outbox.claim({ owner: "one", limit: 3, leaseMs: LONG_MS });

        const found = await another.unprocessedOf(["b", "nothing", "a", "a"]);

        expect([...found.keys()].toSorted()).toEqual(["a", "b"]);
        expect(versionsOf(found.get("a")!)).toEqual([3, 1, 2].map((number) => versionNo(number)));
        expect(versionsOf(found.get("b")!)).toEqual(
          [13, 11, 12].map((number) => versionNo(number)),
        );
        expect(await another.unprocessedOf([])).toEqual(new Map());
      });

      it.each([
        { waiting: "none", others: 0, keys: [] },
        { waiting: "few of them, and few others", others: 20, keys: ["key-7", "key-499"] },
        { waiting: "few of them, and many others", others: 99, keys: ["key-0", "key-250"] },
        { waiting: "few of them, and very many others", others: 700, keys: ["key-3"] },
      ])("finds what waits of many keys: $waiting", async ({ others, keys }) => {
        const { outbox } = await open();
        await outbox.append([
          ...Array.from({ length: others }, (_, n) => entryOf({ key: `other-${n}` })),
          ...keys.flatMap((key) => [
            entryOf({ key, version: versionNo(1) }),
            entryOf({ key, version: versionNo(2) }),
          ]),
        ]);
        const [parked] = (await outbox.unprocessedOf(keys)).get(keys[0] ?? "") ?? [];
        if (parked !== undefined) await outbox.park([parked.id], "refused");

        const found = await outbox.unprocessedOf(Array.from({ length: 500 }, (_, n) => `key-${n}`));

        expect([...found.keys()].toSorted()).toEqual(keys.toSorted());
        for (const key of keys) {
          expect(versionsOf(found.get(key)!)).toEqual([versionNo(1), versionNo(2)]);
        }
      });

      it("tells the attempts so far", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const claimed = await claimAll(outbox);
        await outbox.release(
          claimed.map((event) => event.id),
          LONG_MS,
          "refused",
        );

        const [event] = (await outbox.unprocessedOf(["user:1"])).get("user:1")!;

        expect(event).toEqual({ ...claimed[0], attempts: 1 });
      });
    });

    describe("unprocessedIn", () => {
      it("gives the events of one bucket page by page, in the order in which they were appended", async () => {
        const { outbox } = await open();
        const numbers = [5, 3, 4, 1, 2];
        for (const number of numbers) {
          await outbox.append([
            entryOf({ key: `{in}${number % 2}`, version: versionNo(number) }),
            entryOf({ key: "elsewhere", version: versionNo(number) }),
          ]);
        }
        expect(bucketOf("elsewhere")).not.toBe(bucketOf("{in}"));

        for (const limit of [1, 2, 5, 100]) {
          const pages = await pagesIn(outbox, bucketOf("{in}"), limit);

          expect(versionsOf(pages.flat())).toEqual(numbers.map((number) => versionNo(number)));
          expect(pages.every((page) => page.length <= limit)).toBe(true);
        }
        expect((await pagesIn(outbox, bucketOf("elsewhere"), 2)).flat()).toHaveLength(5);
      });

      it("gives claimed and parked ones too, as they are, and none that are processed", async () => {
        const { outbox } = await open();
        for (const no of [1, 2, 3, 4]) await outbox.append([entryOf({ version: versionNo(no) })]);
        const [first, second, third] = await outbox.claim({
          owner: "one",
          limit: 3,
          leaseMs: LONG_MS,
        });
        await outbox.park([first!.id], "refused");
        await outbox.markProcessed([second!.id]);

        const [page] = await pagesIn(outbox, bucketOf("user:1"), 10);

        expect(versionsOf(page!)).toEqual([1, 3, 4].map((number) => versionNo(number)));
        expect(page![0]).toEqual({ ...first, attempts: 1, dead: true });
        expect(page![1]).toEqual(third);
      });

      it("goes on after events that have been processed between two pages", async () => {
        const { outbox } = await open();
        for (const no of [1, 2, 3, 4]) await outbox.append([entryOf({ version: versionNo(no) })]);
        const bucket = bucketOf("user:1");
        const page = await outbox.unprocessedIn({ bucket, limit: 2 });
        await outbox.markProcessed(page.events.map(({ id }) => id));

        const next = await outbox.unprocessedIn({ bucket, limit: 2, cursor: page.cursor! });

        expect(versionsOf(next.events)).toEqual([versionNo(3), versionNo(4)]);
      });

      it("ends at once in a bucket without any", async () => {
        const { outbox } = await open();
        await outbox.append([entryOf()]);
        const bucket = (bucketOf("user:1") + 1) % BUCKETS;

        expect(await outbox.unprocessedIn({ bucket, limit: 10 })).toEqual({
          events: [],
          cursor: undefined,
        });
      });
    });

    it("counts unprocessed events, claimed ones too", async () => {
      const { outbox } = await open();
      await outbox.append([1, 2, 3].map((number) => entryOf({ version: versionNo(number) })));
      const [first] = await outbox.claim({ owner: "one", limit: 2, leaseMs: LONG_MS });

      expect(await outbox.countUnprocessed()).toBe(3);
      await outbox.markProcessed([first!.id]);
      expect(await outbox.countUnprocessed()).toBe(2);
    });

    it("fails every call with STORE_UNAVAILABLE once the store is closed", async () => {
      const { store, outbox } = await open();
      await store.close();

      const calls = [
        () => outbox.append([entryOf()]),
        () => claimAll(outbox),
        () => outbox.markProcessed(["1"]),
        () => outbox.release(["1"], 0, "refused"),
        () => outbox.park(["1"], "refused"),
        () => outbox.deadLetters({ limit: 1 }),
        () => outbox.countDead(),
        () => outbox.replay({ limit: 1 }),
        () => outbox.unprocessedOf(["user:1"]),
        () => outbox.unprocessedIn({ bucket: 0, limit: 1 }),
        () => outbox.countUnprocessed(),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}

function claimAll(outbox: OutboxPort): Promise<readonly OutboxEvent[]> {
  return outbox.claim({ owner: "claims all", limit: 1000, leaseMs: LONG_MS });
}

function idOf(events: readonly OutboxEvent[], key: string): string {
  return events.find((event) => event.entry.key === key)!.id;
}

function versionsOf(events: readonly OutboxEvent[]): readonly string[] {
  return events.map((event) => event.entry.version);
}

function byVersion(left: OutboxEvent["entry"], right: OutboxEvent["entry"]): number {
  return left.version < right.version ? -1 : 1;
}

async function pagesIn(outbox: OutboxPort, bucket: number, limit: number) {
  const pages: (readonly OutboxEvent[])[] = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.unprocessedIn({
      bucket,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    pages.push(page.events);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return pages;
}
