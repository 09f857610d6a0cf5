import { expect, it } from "@jest/globals";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { guardedWrite } from "../../src/store/drivers/mongodb/guarded-write.ts";
import { isExpired } from "../../src/store/drivers/mongodb/mongo-errors.ts";
import { beginLife, STATEMENT_LIFE_MS } from "../../src/store/statement-life.ts";
import { ifAbsent, setOf } from "../contract/commands.ts";
import { entryOf, tombstoneOf, versionAt, versionNo } from "../contract/entries.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useMongoStore } from "../support/servers/use-mongo-store.ts";

const DAY_MS = 24 * 3_600_000;
const EXPIRED = { code: "WRITE_EXPIRED" };

describeWith(["mongodb"], "late statements and MongoDB", () => {
  const mongo = useMongoStore();
  const open = (clock?: Clock) => mongo.open(clock);
  const rows = () => mongo.database.collection<{ _id: string }>("kvshadow");

  /** A life of which so much is left. */
  function lifeWith(leftMs: number) {
    const { begunMonotonicMs, begunWallMs } = beginLife(systemClock);
    const agoMs = STATEMENT_LIFE_MS - leftMs;
    return { begunMonotonicMs: begunMonotonicMs - agoMs, begunWallMs: begunWallMs - agoMs };
  }

  it("are carried out by the server no more, with a row there or none", async () => {
    const { store } = open();
    await store.applyNewer([tombstoneOf({ key: "deleted" })], "ASYNC_THREAD");
    // In time when it is sent, and kept on the way until it is not.
    await mongo.fault.set({ commands: ["update"], namespace: rows().namespace, delayMs: 2500 });

    for (const key of ["deleted", "purged"]) {
      const late = entryOf({ key, version: versionNo(2) });
      await expect(store.applyNewer([late], "EVENT_BASED", lifeWith(1500))).rejects.toMatchObject(
        EXPIRED,
      );
    }

    expect(await store.get("deleted")).toMatchObject({ version: versionNo(1) });
    expect(await store.get("purged")).toBeUndefined();
  });

  it("that wait for a slow server and still are in time land", async () => {
    const { store } = open();
    await store.ping();
    await mongo.fault.set({ commands: ["update"], namespace: rows().namespace, delayMs: 1000 });

    await store.applyNewer([entryOf()], "EVENT_BASED", lifeWith(120_000));

    expect(await store.get("user:1")).toMatchObject({ version: versionNo(1) });
  });

  it.each([
    ["years behind", () => 1_000_000],
    ["years ahead", () => systemClock.nowMs() + 1000 * DAY_MS],
  ])("are told from good ones by a process whose wall clock is %s", async (_how, nowMs) => {
    const { store, authority } = open({ ...systemClock, nowMs });

    await store.applyNewer([entryOf({ key: "direct" })], "ASYNC_THREAD");
    const written = await authority.write(setOf({ key: "minted" }), { to: "shadow" });

    expect(written.outcome).toBe("written");
    expect(await rows().countDocuments()).toBe(2);
  });

  it("are told from good ones after the machine has slept, which its clocks have not seen", async () => {
    let sleptMs = 0;
    const { store } = open({
      ...systemClock,
      nowMs: () => systemClock.nowMs() - sleptMs,
      monotonicMs: () => systemClock.monotonicMs() - sleptMs,
    });
    await store.ping();
    sleptMs = STATEMENT_LIFE_MS + 60_000;

    await store.applyNewer([entryOf()], "ASYNC_THREAD");

    expect(await store.get("user:1")).toMatchObject({ version: versionNo(1) });
  });

  it("write nothing where the process stood still between minting and writing", async () => {
    let looks = 0;
    const { store, authority } = open({
      ...systemClock,
      // Between any two looks at it a life has passed.
      monotonicMs: () => (looks += 1) * STATEMENT_LIFE_MS,
    });

    for (const command of [setOf(), ifAbsent(setOf())]) {
      await expect(authority.write(command, { to: "shadow" })).rejects.toMatchObject(EXPIRED);
    }

    expect(await store.get("user:1")).toBeUndefined();
  });

  it.each([
    ["unguarded", undefined],
    ["on an absent key", { version: null }],
    ["on a version", { version: versionNo(1) }],
  ])(
    "that were minted by the store are carried out by the server no more: %s",
    async (_, guard) => {
      const { store } = open();
      if (guard?.version !== null) await store.applyNewer([tombstoneOf()], "ASYNC_THREAD");
      const write = { entry: entryOf({ version: versionNo(2) }), guard, event: undefined };
      const times = { nowMs: systemClock.nowMs(), graceMs: DAY_MS };

      const until = new Date(times.nowMs - 60_000);
      const failure = await guardedWrite(mongo.database, { ...write, ...times, until }).catch(
        (error: unknown) => error,
      );

      expect(isExpired(failure)).toBe(true);

      expect(await rows().countDocuments({ version: versionNo(2) })).toBe(0);
    },
  );

  it("bring no key back whose tombstone was purged meanwhile", async () => {
    const { store, purge } = open();
    const longAgoMs = systemClock.nowMs() - 3 * DAY_MS;
    const written = entryOf({ version: versionAt(longAgoMs) });
    await store.applyNewer([tombstoneOf({ version: versionAt(longAgoMs + 1) })], "ASYNC_THREAD");
    const within = Array.from({ length: 16 }, (_, bucket) => ({
      bucket,
      belowVersion: undefined,
      belowSeq: undefined,
    }));
    expect(await purge.purge({ within, limit: 10 })).toMatchObject({ purged: 1 });

    // Read before the delete, by a process that stood still for three days.
    await expect(
      store.applyNewer([written], "EVENT_BASED", lifeWith(-3 * DAY_MS)),
    ).rejects.toMatchObject(EXPIRED);

    expect(await store.get(written.key)).toBeUndefined();
  });
});
