import { describe, expect, it } from "@jest/globals";
import { BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import type { Entry } from "../../src/model/entry.ts";
import { FIRST_EPOCH, formatVersion, seqOf, type Version } from "../../src/model/version.ts";
import type { PurgeLimits, PurgePort } from "../../src/store/purge-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { entryOf, tombstoneOf, versionAt } from "./entries.ts";
import type { OpenShadowHarness, ShadowHarness } from "./store-harness.ts";

const HOUR_MS = 3_600_000;

/** Longer than any harness keeps the dead. */
const LONG_MS = 48 * HOUR_MS;

const ANY: readonly PurgeLimits[] = Array.from({ length: BUCKETS }, (_, bucket) => ({
  bucket,
  belowVersion: undefined,
  belowSeq: undefined,
}));

/** Every sentence of purge-port.ts, as a claim about one driver. */
export function describePurgeContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} as one that forgets the dead`, () => {
    const open = closedAfterEach(openHarness);

    it("purges tombstones and expired rows whose time has come, and nothing else", async () => {
      const harness = await open();
      const { purge, nowMs } = harness;
      const longAgo = versionAt(nowMs() - LONG_MS);
      await put(
        harness,
        tombstoneOf({ key: "deleted", version: longAgo }),
        entryOf({ key: "expired", version: longAgo, expiresAtMs: nowMs() - LONG_MS }),
        entryOf({ key: "live", version: longAgo }),
        entryOf({ key: "expires", version: longAgo, expiresAtMs: nowMs() + HOUR_MS }),
        entryOf({ key: "just expired", version: longAgo, expiresAtMs: nowMs() - 1 }),
        tombstoneOf({ key: "just deleted", version: versionAt(nowMs()) }),
      );

      const page = await purge.purge({ within: ANY, limit: 100 });

      expect(page).toEqual({ purged: 2, cursor: undefined });
      expect(await keysOf(harness)).toEqual(["expires", "just deleted", "just expired", "live"]);
    });

    describe("limits", () => {
      it("keep each bucket for itself, and what has none is left alone", async () => {
        const harness = await open();
        const dead = await putDead(harness, ["{one}", "{other}", "{third}"]);
        const [one, other, third] = dead as [Entry, Entry, Entry];
        expect(new Set(dead.map(({ key }) => bucketOf(key))).size).toBe(3);

        await harness.purge.purge({
          within: [
            { ...limitsOf(one), belowVersion: one.version },
            { ...limitsOf(other), belowVersion: after(other.version) },
          ],
          limit: 100,
        });

        expect(await keysOf(harness)).toEqual([one.key, third.key].toSorted());
      });

      it("on the seq hold for every epoch", async () => {
        const harness = await open();
        const seq = (harness.nowMs() - LONG_MS) * 1000;
        await put(
          harness,
          tombstoneOf({ key: "{one}below", version: formatVersion(1, seq - 1) }),
          tombstoneOf({ key: "{one}at", version: formatVersion(1, seq) }),
          tombstoneOf({ key: "{one}later epoch, below", version: formatVersion(2, seq - 1) }),
          tombstoneOf({ key: "{one}later epoch, above", version: formatVersion(2, seq + 1) }),
        );

        await harness.purge.purge({
          within: [{ ...limitsOf({ key: "{one}" }), belowSeq: seq }],
          limit: 100,
        });

        expect(await keysOf(harness)).toEqual(["{one}at", "{one}later epoch, above"]);
      });

      it("that nothing lies within purge nothing", async () => {
        const harness = await open();
        await putDead(harness, ["{one}"]);

        const page = await harness.purge.purge({ within: [], limit: 100 });

        expect(page).toEqual({ purged: 0, cursor: undefined });
        expect(await keysOf(harness)).toEqual(["{one}"]);
      });
    });

    it("goes on page by page until all is gone that may go, past what is held back", async () => {
      const harness = await open();
      // Several of one moment, as of a program that deletes many keys.
      const keys = Array.from(
        { length: 21 },
        (_, at) => `{${at % 2 === 0 ? "one" : "other"}}${at}`,
      );
      await put(
        harness,
        ...keys.map((key, at) =>
          tombstoneOf({
            key,
            version: versionAt(harness.nowMs() - LONG_MS + Math.floor(at / 5)),
          }),
        ),
      );
      const within = [limitsOf({ key: "{one}" })];

      const purged = await purgeAll(harness.purge, within, 3);

      expect(purged).toBe(11);
      expect(await keysOf(harness)).toEqual(keys.filter((key) => key.includes("other")).toSorted());
    });

    it("leaves a row alone that was written anew", async () => {
      const harness = await open();
      const [dead] = (await putDead(harness, ["{one}"])) as [Entry];
      const again = entryOf({ key: dead.key, version: versionAt(harness.nowMs()) });

      await Promise.all([
        harness.purge.purge({ within: ANY, limit: 100 }),
        (await harness.openAnother()).store.applyNewer([again], "ASYNC_THREAD"),
      ]);

      expect(await harness.store.get(dead.key)).toMatchObject({ version: again.version });
    });

    describe("the highest purged version", () => {
      it("is recorded for each bucket of which something went, durably", async () => {
        const harness = await open();
        const [older, newer, other] = (await putDead(harness, ["{one}a", "{one}b", "{other}"])) as [
          Entry,
          Entry,
          Entry,
        ];

        await harness.purge.purge({ within: ANY, limit: 100 });
        await harness.store.close();

        const { bucketStates } = await harness.openAnother();
        expect(newer.version > older.version).toBe(true);
        expect(await bucketStates.read([bucketOf("{one}"), bucketOf("{other}"), 0])).toEqual([
          { epoch: FIRST_EPOCH, raisedFor: undefined, highestPurged: newer.version },
          { epoch: FIRST_EPOCH, raisedFor: undefined, highestPurged: other.version },
          { epoch: FIRST_EPOCH, raisedFor: undefined, highestPurged: undefined },
        ]);
      });

      it("never goes back, and a raised epoch leaves it alone", async () => {
        const harness = await open();
        const { purge, bucketStates, nowMs } = harness;
        const bucket = bucketOf("{one}");
        const newer = versionAt(nowMs() - LONG_MS);
        const older = versionAt(nowMs() - 2 * LONG_MS);
        await bucketStates.raiseEpoch(bucket, "run 1");
        await put(harness, tombstoneOf({ key: "{one}newer", version: newer }));
        await purge.purge({ within: ANY, limit: 100 });
        await put(harness, tombstoneOf({ key: "{one}older", version: older }));

        await purge.purge({ within: ANY, limit: 100 });
        await bucketStates.raiseEpoch(bucket, "run 1");

        expect(await keysOf(harness)).toEqual([]);
        expect(await bucketStates.read([bucket])).toEqual([
          { epoch: FIRST_EPOCH + 2, raisedFor: "run 1", highestPurged: newer },
        ]);
      });
    });

    it("knows the oldest event of each bucket: waiting, parked, or applied and kept", async () => {
      const { purge, outbox } = await open();
      const no = (number: number) => formatVersion(FIRST_EPOCH, number);
      const oldest = async () =>
        purge.oldestEvents([bucketOf("{other}"), bucketOf("{one}"), bucketOf("{none}")]);
      expect(await oldest()).toEqual([undefined, undefined, undefined]);

      await outbox.append([entryOf({ key: "{one}a", version: no(5) })]);
      await outbox.append([
        entryOf({ key: "{one}b", version: no(7) }),
        tombstoneOf({ key: "{other}", version: no(6) }),
      ]);
      expect(await oldest()).toEqual([no(6), no(5), undefined]);

      const events = await outbox.claim({ owner: "one", limit: 10, leaseMs: 10_000 });
      await outbox.park([events[0]?.id ?? ""], "refused");
      await outbox.markProcessed(events.slice(1).map(({ id }) => id));
      expect(await oldest()).toEqual([no(6), no(5), undefined]);
    });

    it("fails with STORE_UNAVAILABLE once the store is closed", async () => {
      const { store, purge } = await open();
      await store.close();

      for (const call of [
        () => purge.oldestEvents([1]),
        () => purge.purge({ within: ANY, limit: 1 }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}

function limitsOf({ key }: Pick<Entry, "key">): PurgeLimits {
  return { bucket: bucketOf(key), belowVersion: undefined, belowSeq: undefined };
}

function after(version: Version): Version {
  return formatVersion(FIRST_EPOCH, seqOf(version) + 1);
}

async function put({ store }: ShadowHarness, ...entries: readonly Entry[]): Promise<void> {
  await store.applyNewer(entries, "ASYNC_THREAD");
}

/** Tombstones whose time has come, each a moment newer than the one before. */
async function putDead(harness: ShadowHarness, keys: readonly string[]): Promise<readonly Entry[]> {
  const writtenMs = harness.nowMs() - LONG_MS;
  const dead = keys.map((key, at) => tombstoneOf({ key, version: versionAt(writtenMs + at) }));
  await put(harness, ...dead);
  return dead;
}

async function keysOf({ store }: ShadowHarness): Promise<readonly string[]> {
  return (await store.scan({ limit: 1000 })).map(({ key }) => key).toSorted();
}

async function purgeAll(
  purge: PurgePort,
  within: readonly PurgeLimits[],
  limit: number,
): Promise<number> {
  let purged = 0;
  let cursor: string | undefined;
  do {
    const page = await purge.purge({ within, limit, ...(cursor === undefined ? {} : { cursor }) });
    purged += page.purged;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return purged;
}
