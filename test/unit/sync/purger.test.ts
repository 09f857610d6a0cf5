import { describe, expect, it } from "@jest/globals";
import { formatVersion } from "../../../src/model/version.ts";
import { STATEMENT_LIFE_MS } from "../../../src/store/statement-life.ts";
import { Purger } from "../../../src/sync/purger.ts";
import { setOf } from "../../contract/commands.ts";
import { entryOf, tombstoneOf, versionAt } from "../../contract/entries.ts";
import { FakeRedis } from "../../support/fake-redis.ts";
import { FakeRedisCache } from "../../support/fake-redis-cache.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { recoveringAtOnce } from "../../support/recover-at-once.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { steer } from "../../support/steer.ts";

const HOUR_MS = 3_600_000;
const INTERVAL_MS = 300_000;

/**
 * A Redis and a store that keep the dead for a day, and one process' purger between them, which has watched the journal
 * for long enough, unless told.
 */
async function openWorld({ journal = true, isRested = true } = {}) {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const sqlite = await openMemorySqlite({ clock, random });
  const redis = new FakeRedis({ clock, maxmemoryPolicy: "noeviction" });
  const cache = recoveringAtOnce(new FakeRedisCache(redis, { random }));
  await cache.bindStore(await sqlite.store.storeId());
  const calls: string[] = [];
  const steered = steer("purge", sqlite.purge, calls);
  const openPurger = () => {
    const log = new RecordingLog();
    const purger = new Purger({
      purge: steered.port,
      store: sqlite.store,
      journal: journal ? cache : undefined,
      clock,
      random,
      log,
      intervalMs: INTERVAL_MS,
    });
    return { purger, log };
  };
  /** A tombstone that has lain there for two days. */
  const putDead = async (key: string) => {
    const tombstone = tombstoneOf({ key, version: versionAt(clock.nowMs() - 48 * HOUR_MS) });
    await sqlite.store.applyNewer([tombstone], "ASYNC_THREAD");
    return tombstone;
  };
  const isThere = async (key: string) => (await sqlite.store.get(key)) !== undefined;
  const { signal } = new AbortController();
  const opened = openPurger();
  if (isRested) {
    await opened.purger.run(signal);
    await clock.advance(STATEMENT_LIFE_MS);
    calls.splice(0);
  }
  return {
    ...sqlite,
    clock,
    redis,
    cache,
    calls,
    steered,
    putDead,
    isThere,
    signal,
    openPurger,
    ...opened,
  };
}

describe("Purger", () => {
  it("forgets a deleted key once the grace time is over", async () => {
    const { purger, signal, clock, store, isThere } = await openWorld();
    await store.applyNewer([tombstoneOf({ version: versionAt(clock.nowMs()) })], "ASYNC_THREAD");
    await clock.advance(24 * HOUR_MS - 1);
    expect(await purger.run(signal)).toBe(0);
    await clock.advance(1);

    expect(await purger.run(signal)).toBe(1);

    expect(await isThere("user:1")).toBe(false);
  });

  describe("a row stays while an older write may still come", () => {
    it("from the journal, in its bucket alone, or from a sweep that has read it before its marker went", async () => {
      const { purger, signal, clock, cache, putDead, isThere } = await openWorld();
      const pending = await cache.write(setOf({ key: "{one}pending" }));
      if (pending.outcome !== "written") throw new Error("Refused.");
      await clock.advance(72 * HOUR_MS);
      await putDead("{one}deleted");
      await putDead("{other}deleted");

      expect(await purger.run(signal)).toBe(1);
      expect([await isThere("{one}deleted"), await isThere("{other}deleted")]).toEqual([
        true,
        false,
      ]);

      await cache.acknowledge([pending.entry]);
      await clock.advance(60_000);
      expect(await purger.run(signal)).toBe(0);
      await clock.advance(STATEMENT_LIFE_MS - 1);
      expect(await purger.run(signal)).toBe(0);
      await clock.advance(1);
      expect(await purger.run(signal)).toBe(1);
    });

    it("from an event that waits, is parked, or was applied within the grace time", async () => {
      const { purger, signal, clock, outbox, putDead, isThere } = await openWorld();
      const old = entryOf({ key: "{one}old", version: versionAt(clock.nowMs() - 96 * HOUR_MS) });
      await putDead("{one}deleted");
      await outbox.append([old]);
      const there: boolean[] = [];
      const purgeAndLook = async () => {
        await purger.run(signal);
        there.push(await isThere("{one}deleted"));
      };

      await purgeAndLook();
      const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 1000 });
      await outbox.park([event?.id ?? ""], "refused");
      await purgeAndLook();
      await outbox.replay({ limit: 1 });
      await outbox.markProcessed([event?.id ?? ""]);
      await clock.advance(24 * HOUR_MS - 1);
      await outbox.markProcessed([]);
      await purgeAndLook();
      await clock.advance(1);
      await outbox.markProcessed([]);
      await purgeAndLook();

      expect(there).toEqual([true, true, true, false]);
    });

    it("of an earlier epoch and a later seq, as a marker's seq tells no epoch", async () => {
      const { purger, signal, clock, cache, store, isThere } = await openWorld();
      const pending = await cache.write(setOf({ key: "{one}pending" }));
      if (pending.outcome !== "written") throw new Error("Refused.");
      const seq = (clock.nowMs() + 1) * 1000;
      await store.applyNewer(
        [tombstoneOf({ key: "{one}deleted", version: formatVersion(2, seq) })],
        "ASYNC_THREAD",
      );
      await clock.advance(72 * HOUR_MS);

      expect(await purger.run(signal)).toBe(0);

      expect(await isThere("{one}deleted")).toBe(true);
    });
  });

  it("asks for the markers before the events, for each step anew", async () => {
    const { purger, signal, clock, cache, calls, putDead } = await openWorld();
    for (let at = 0; at < 501; at += 1) await putDead(`key ${at}`);
    const markers = cache.oldestPendingSeqs.bind(cache);
    cache.oldestPendingSeqs = async () => {
      calls.push("cache.oldestPendingSeqs");
      return markers();
    };

    const running = purger.run(signal);
    await clock.untilSleeping();
    await clock.advance(10);

    expect(await running).toBe(501);
    const step = ["cache.oldestPendingSeqs", "purge.oldestEvents", "purge.purge"];
    expect(calls).toEqual([...step, ...step]);
  });

  it("ends between two steps when it is told to stop", async () => {
    const { purger, clock, calls, putDead } = await openWorld();
    for (let at = 0; at < 501; at += 1) await putDead(`key ${at}`);
    const stop = new AbortController();

    const running = purger.run(stop.signal);
    await clock.untilSleeping();
    stop.abort();

    expect(await running).toBe(500);
    expect(calls.filter((call) => call === "purge.purge")).toHaveLength(1);
  });

  it("purges nothing while the cache cannot be asked, and says so once", async () => {
    const { purger, log, clock, redis, putDead, isThere } = await openWorld();
    await putDead("{one}");
    redis.isUp = false;
    purger.start();
    await clock.untilSleeping();

    await clock.advance(3 * INTERVAL_MS);

    expect(await isThere("{one}")).toBe(true);
    expect(log.told).toEqual([
      "warn: Nothing can be purged now; it is tried again every few minutes",
    ]);

    redis.isUp = true;
    await clock.advance(INTERVAL_MS);
    await purger.stop();
    expect(await isThere("{one}")).toBe(false);
    expect(log.told.slice(1)).toEqual(["info: Purged keys that were deleted or had expired"]);
  });

  it("purges nothing before the journal has been watched for the life of a statement", async () => {
    const { purger, signal, clock, putDead } = await openWorld({ isRested: false });
    await putDead("{one}");

    const purged = [await purger.run(signal)];
    await clock.advance(STATEMENT_LIFE_MS - 1);
    purged.push(await purger.run(signal));
    await clock.advance(1);
    purged.push(await purger.run(signal));

    expect(purged).toEqual([0, 0, 1]);
  });

  it("needs no cache where the store decides", async () => {
    const { purger, signal, putDead, redis } = await openWorld({ journal: false });
    await putDead("{one}");
    redis.isUp = false;

    expect(await purger.run(signal)).toBe(1);
  });

  it("is one process' work, an interval after the start, and another's once that one is gone", async () => {
    const { purger, log, clock, openPurger, putDead } = await openWorld();
    const other = openPurger();
    await putDead("first");
    purger.start();
    await clock.untilSleeping();
    other.purger.start();
    await clock.untilSleeping(2);
    await clock.advance(INTERVAL_MS - 1);
    expect(log.told).toEqual([]);
    await clock.advance(1);
    const first = [log.told.length, other.log.told.length];
    await purger.stop();
    await putDead("second");
    await clock.advance(2 * INTERVAL_MS + STATEMENT_LIFE_MS);
    await other.purger.stop();

    expect(first).toEqual([1, 0]);
    expect(other.log.told).toEqual(["info: Purged keys that were deleted or had expired"]);
  });
});
