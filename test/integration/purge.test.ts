import { expect, it } from "@jest/globals";
import type { Clock } from "../../src/lib/clock.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { PURGE_INTERVAL_MS, Purger } from "../../src/sync/purger.ts";
import { entryOf, tombstoneOf, versionAt } from "../contract/entries.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useMongoStore } from "../support/servers/use-mongo-store.ts";

const DAY_MS = 24 * 3_600_000;
const { signal } = new AbortController();

describeWith(["mongodb"], "forgetting deleted keys in MongoDB", () => {
  const mongo = useMongoStore();

  /** One process: its store, and its purger, which need not watch a journal. */
  function openProcess(clock: Clock = systemClock) {
    const opened = mongo.open(clock);
    const purger = new Purger({
      ...opened,
      journal: undefined,
      clock,
      random: systemRandom,
      log: silentLog,
      intervalMs: PURGE_INTERVAL_MS,
    });
    return { ...opened, purger };
  }

  const longAgo = (plusMs = 0) => versionAt(systemClock.nowMs() - 3 * DAY_MS + plusMs);
  const rows = () => mongo.database.collection<{ _id: string }>("kvshadow");
  const events = () => mongo.database.collection("outbox");

  it("keeps a tombstone as long as a projector may still hold an older write of the key", async () => {
    const [slow, quick] = [openProcess(), openProcess()];
    const written = entryOf({ version: longAgo() });
    const deleted = tombstoneOf({ version: longAgo(1) });
    // The slow process has claimed the write and stands still before it sends it; meanwhile all goes on without it.
    await slow.outbox.append([written]);
    const [claimed] = await slow.outbox.claim({ owner: "slow", limit: 1, leaseMs: 1 });
    await quick.store.applyNewer([written], "EVENT_BASED");
    await quick.outbox.markProcessed([claimed?.id ?? ""]);
    await quick.store.applyNewer([deleted], "ASYNC_THREAD");

    expect(await quick.purger.run(signal)).toBe(0);
    await slow.store.applyNewer([claimed?.entry ?? written], "EVENT_BASED");

    expect(await quick.store.get(written.key)).toMatchObject({ version: deleted.version });

    // The outbox forgets the event by itself, no sooner than after the grace time.
    await events().deleteMany({ processed: true });
    expect(await quick.purger.run(signal)).toBe(1);
    expect(await quick.store.get(written.key)).toBeUndefined();
  });

  it("has recorded the highest purged version when the first row goes", async () => {
    const { store, purger, bucketStates } = openProcess();
    const deleted = tombstoneOf({ version: longAgo() });
    await store.applyNewer([deleted], "ASYNC_THREAD");
    await mongo.fault.set({ commands: ["delete"], namespace: rows().namespace, errorCode: 96 });

    await expect(purger.run(signal)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    expect(await rows().countDocuments()).toBe(1);
    const bucket = bucketOf(deleted.key);
    expect(await bucketStates.read([bucket])).toMatchObject([{ highestPurged: deleted.version }]);

    await mongo.fault.lift();
    expect(await purger.run(signal)).toBe(1);
  });

  it("trusts no clock that is ahead of the server's", async () => {
    const ahead: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 10 * DAY_MS };
    const { store, purger } = openProcess(ahead);
    await store.applyNewer(
      [tombstoneOf({ version: versionAt(systemClock.nowMs()) })],
      "ASYNC_THREAD",
    );

    expect(await purger.run(signal)).toBe(0);
  });

  it("leaves what another hand has made of a row to a verification", async () => {
    const { store, purger } = openProcess();
    const dead = tombstoneOf({ version: longAgo() });
    const edits = {
      "a live value": { deleted: false, lastValue: "revived" },
      "no version": { version: null },
      "a version that is none": { version: "1" },
      "a number as its version": { version: 1 },
      "no bucket": { bucket: null },
      "text instead of a date": { purgeAt: "2020-01-01" },
    };
    const keys = Object.keys(edits);
    await store.applyNewer(
      keys.map((key) => ({ ...dead, key })),
      "ASYNC_THREAD",
    );
    for (const [_id, $set] of Object.entries(edits)) await rows().updateOne({ _id }, { $set });

    expect(await purger.run(signal)).toBe(0);

    expect(await rows().countDocuments()).toBe(keys.length);
  });
});
