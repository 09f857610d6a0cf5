import { describe, expect, it } from "@jest/globals";
import { BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import { epochOf, FIRST_EPOCH, type Version } from "../../src/model/version.ts";
import type { BucketStatesPort, RowVersion } from "../../src/store/bucket-states-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { setOf } from "./commands.ts";
import { entryOf, inByteOrder, tombstoneOf, versionNo } from "./entries.ts";
import type { OpenStoreHarness } from "./store-harness.ts";

/** Every sentence of bucket-states-port.ts, as a claim about one driver. */
export function describeBucketStatesContract(name: string, openHarness: OpenStoreHarness): void {
  describe(`${name} as a keeper of bucket states`, () => {
    const open = closedAfterEach(openHarness);
    const untouched = { epoch: FIRST_EPOCH, raisedFor: undefined, highestPurged: undefined };

    describe("epochs", () => {
      it("are the first of all where none was ever raised", async () => {
        const { bucketStates } = await open();

        expect(await bucketStates.read([0, BUCKETS - 1])).toEqual([untouched, untouched]);
      });

      it("come in the order asked, a bucket that is asked twice too, and none where none is asked", async () => {
        const { bucketStates } = await open();
        await bucketStates.raiseEpoch(3, "run 1");

        expect((await bucketStates.read([7, 3, 3])).map(({ epoch }) => epoch)).toEqual([1, 2, 2]);
        expect(await bucketStates.read([])).toEqual([]);
      });

      it("grow by one with each raise, of one bucket alone, for every connection", async () => {
        const { bucketStates, openAnother } = await open();
        const another = (await openAnother()).bucketStates;

        const raised = [
          await bucketStates.raiseEpoch(3, "run 1"),
          await another.raiseEpoch(3, "run 1"),
        ];

        expect(raised).toEqual([FIRST_EPOCH + 1, FIRST_EPOCH + 2]);
        expect(await bucketStates.read([2, 3])).toEqual([
          untouched,
          { ...untouched, epoch: FIRST_EPOCH + 2, raisedFor: "run 1" },
        ]);
      });

      it("are never the same for two that raise at once", async () => {
        const { bucketStates, openAnother } = await open();
        const another = (await openAnother()).bucketStates;

        const raised = await Promise.all(
          Array.from({ length: 10 }, (_, at) =>
            (at % 2 === 0 ? bucketStates : another).raiseEpoch(5, "run 1"),
          ),
        );

        expect(raised.toSorted((one, other) => one - other)).toEqual(
          Array.from({ length: 10 }, (_, at) => FIRST_EPOCH + 1 + at),
        );
      });

      it("are durable: a raise is there when the store is closed and opened again", async () => {
        const { store, bucketStates, openAnother } = await open();
        await bucketStates.raiseEpoch(3, "run 1");
        await store.close();

        const [state] = await (await openAnother()).bucketStates.read([3]);

        expect(state).toEqual({ ...untouched, epoch: FIRST_EPOCH + 1, raisedFor: "run 1" });
      });

      it("are seen as raised before the caller's own write", async () => {
        const { store, bucketStates, openAnother } = await open();
        const another = (await openAnother()).bucketStates;

        for (let round = 1; round <= 20; round += 1) {
          await another.raiseEpoch(3, "run 1");
          await store.applyNewer([entryOf({ version: versionNo(round) })], "ASYNC_THREAD");

          expect((await bucketStates.read([3]))[0]?.epoch).toBe(FIRST_EPOCH + round);
        }
      });
    });

    describe("versions that the store mints", () => {
      it("are of the bucket's epoch, raised before or between", async () => {
        const { authority, bucketStates, openAnother } = await open();
        const another = (await openAnother()).bucketStates;
        const command = setOf();
        const bucket = bucketOf(command.key);
        const mint = async () => {
          const written = await authority.write(command, { to: "shadow" });
          if (written.outcome !== "written") throw new Error(`Refused: ${written.outcome}`);
          return written.entry.version;
        };

        const versions: Version[] = [await mint()];
        await bucketStates.raiseEpoch(bucket, "run 1");
        versions.push(await mint());
        await another.raiseEpoch(bucket, "run 1");
        await another.raiseEpoch((bucket + 1) % BUCKETS, "run 1");
        versions.push(await mint(), await mint());

        expect(versions.map(epochOf)).toEqual([1, 2, 3, 3]);
        expect(versions).toEqual(versions.toSorted());
        expect((await bucketStates.read([bucket]))[0]?.epoch).toBe(3);
      });
    });

    describe("rows above a version", () => {
      const bucket = bucketOf("{one}");
      const keysOf = (rows: readonly RowVersion[]) => rows.map(({ key }) => key);

      it("are those of the bucket, dead ones too, in the order of version and key", async () => {
        const { store, bucketStates } = await open();
        const above = versionNo(10);
        await store.applyNewer(
          [
            entryOf({ key: "{one}newest", version: versionNo(1, 2) }),
            tombstoneOf({ key: "{one}deleted", version: versionNo(12) }),
            entryOf({ key: "{one}expired", version: versionNo(11), expiresAtMs: 1 }),
            entryOf({ key: "{one}equal", version: above }),
            entryOf({ key: "{one}below", version: versionNo(9) }),
            entryOf({ key: "{one}\uffff", version: versionNo(13) }),
            entryOf({ key: "{one}😀", version: versionNo(13) }),
            entryOf({ key: "{other}", version: versionNo(14) }),
          ],
          "ASYNC_THREAD",
        );
        expect(bucketOf("{other}")).not.toBe(bucket);

        const rows = await bucketStates.rowsAbove({ bucket, above, limit: 100 });

        expect(keysOf(rows)).toEqual([
          "{one}expired",
          "{one}deleted",
          ...inByteOrder(["{one}\uffff", "{one}😀"]),
          "{one}newest",
        ]);
        expect(rows.at(-1)).toEqual({ key: "{one}newest", version: versionNo(1, 2) });
      });

      it("come in pages of which none is missed or seen twice, also among equal versions", async () => {
        const { store, bucketStates } = await open();
        const entries = Array.from({ length: 20 }, (_, at) =>
          entryOf({ key: `{one}${at}`, version: versionNo(Math.floor(at / 7)) }),
        );
        await store.applyNewer(entries, "ASYNC_THREAD");

        const pages = await pagesOf(bucketStates, bucket, 3);

        expect(keysOf(pages.flat()).toSorted()).toEqual(entries.map(({ key }) => key).toSorted());
        expect(pages.map((page) => page.length)).toEqual([3, 3, 3, 3, 3, 3, 2]);
      });

      it("are none where none is asked for", async () => {
        const { store, bucketStates } = await open();
        await store.applyNewer([entryOf({ key: "{one}" })], "ASYNC_THREAD");

        expect(await bucketStates.rowsAbove({ bucket, above: versionNo(0), limit: 0 })).toEqual([]);
      });
    });

    it("fails with STORE_UNAVAILABLE once the store is closed", async () => {
      const { store, bucketStates } = await open();
      await store.close();

      for (const call of [
        () => bucketStates.read([1]),
        () => bucketStates.raiseEpoch(1, "run 1"),
        () => bucketStates.rowsAbove({ bucket: 1, above: versionNo(0), limit: 1 }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}

async function pagesOf(
  bucketStates: BucketStatesPort,
  bucket: number,
  limit: number,
): Promise<readonly (readonly RowVersion[])[]> {
  const pages: (readonly RowVersion[])[] = [];
  for (;;) {
    const after = pages.at(-1)?.at(-1);
    const page = await bucketStates.rowsAbove({
      bucket,
      above: "0".repeat(24),
      limit,
      ...(after === undefined ? {} : { after }),
    });
    pages.push(page);
    if (page.length < limit) return pages;
  }
}
