import { describe, expect, it } from "@jest/globals";
import { epochOf, FIRST_EPOCH, formatVersion, seqOf } from "../../../src/model/version.ts";
import type { RowsAbovePage, RowVersion } from "../../../src/store/bucket-states-port.ts";
import { tombstoneOf } from "../../contract/entries.ts";
import { storeDown } from "../../support/builders.ts";
import { mergesOf } from "../../support/interleavings.ts";
import {
  BUCKET,
  KEY,
  openRecoveryWorld,
  type RecoveryProcess,
  type RecoveryWorld,
  WAIT_MS,
} from "../../support/recovery-world.ts";
import { deferred } from "../../support/steer.ts";

/** The calls that change something or that the order of the others hangs on. */
const STEPS =
  /^(bucketStates\.(raiseEpoch|rowsAbove)|outbox\.|store\.applyNewer|cache\.scan|buckets\.(dropOlder|setAside|install))/;

const later = (version: string, step = 1) => formatVersion(epochOf(version), seqOf(version) + step);

/** Redis is restarted with "old", while the store has "newest". */
async function rolledBack(world: RecoveryWorld, process: RecoveryProcess) {
  const old = await process.inStep(KEY, "old");
  const snapshot = world.redis.snapshot();
  const newest = await process.inStep(KEY, "newest");
  world.restart(snapshot);
  return { old, newest, snapshot };
}

const valueOf = async (world: RecoveryWorld, process: RecoveryProcess) =>
  (await process.cache.observe([KEY]))[0]?.value?.text ?? (await world.past.store.get(KEY))?.value;

describe("Recovery", () => {
  it("raises the epoch, applies events, drops, sets aside, and then installs", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const entry = await process.write();
    await world.past.outbox.append([{ ...entry, version: later(entry.version) }]);
    await process.write("{user:1}unknown");
    world.purgedUpTo(later(entry.version));
    world.loseState();

    await process.recovery.recoverAll();

    expect(process.calls.filter((call) => STEPS.test(call))).toEqual([
      "bucketStates.raiseEpoch",
      "outbox.unprocessedIn",
      "store.applyNewer",
      "bucketStates.rowsAbove",
      "buckets.dropOlder",
      "cache.scan",
      "buckets.setAside",
      "buckets.install",
    ]);
    await world.expectRecovered();
  });

  it.each([
    { policy: "allkeys-lru", backUs: 660_000_000, keys: [KEY, "{user:1}last"] },
    { policy: "noeviction", backUs: 0, keys: [KEY] },
  ])(
    "looks at rows of its own epoch $backUs us back under $policy, of earlier ones an hour, and at no others that its copies must know",
    async ({ policy, backUs, keys }) => {
      const world = await openRecoveryWorld();
      const process = await world.openProcess();
      world.redis.maxmemoryPolicy = policy;
      await process.cache.refreshPolicy();
      await process.inStep();
      world.restart();
      await process.recovery.recoverAll();
      await process.inStep("{user:1}later");
      await world.clock.advance(661_000);
      await process.inStep("{user:1}last");
      world.restart();
      const looked: string[] = [];
      const asked: string[] = [];
      process.steered.buckets.on("dropOlder", (proceed, [, rows]) => {
        asked.push(...(rows as readonly RowVersion[]).map(({ key }) => key));
        return proceed();
      });
      process.steered.bucketStates.on("rowsAbove", (proceed, [page]) => {
        const { above, limit } = page as RowsAbovePage;
        if (limit > 1) looked.push(above);
        return proceed();
      });

      await process.recovery.recoverAll();

      const seq = world.redis.states.get(BUCKET)?.seq ?? 0;
      expect(looked).toEqual([
        formatVersion(1, seq - 3_600_000_000),
        formatVersion(2, seq - backUs),
      ]);
      expect(asked).toEqual(keys);
    },
  );

  it("looks at the store's epoch once more after it has installed its own", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.loseState();

    await process.recovery.whenLost(BUCKET);

    const installed = process.calls.lastIndexOf("buckets.install");
    expect(process.calls.slice(installed)).toEqual([
      "buckets.install",
      "buckets.states",
      "bucketStates.read",
    ]);
  });

  it("looks again at all for whoever asks during a look, which may have passed the bucket already", async () => {
    const world = await openRecoveryWorld();
    const { recovery, steered } = await world.openProcess();
    steered.bucketStates.on("read", async (proceed) => {
      steered.bucketStates.on("read", undefined);
      const states = await proceed();
      await world.past.bucketStates.raiseEpoch(BUCKET, "another server");
      recovery.lookSoon();
      return states;
    });

    await recovery.recoverAll();
    await world.clock.advance(0);

    expect(await world.epochs()).toEqual({ cache: 3, store: 3 });
  });

  it("looks again although the look under way has failed", async () => {
    const world = await openRecoveryWorld();
    const { recovery, steered } = await world.openProcess();
    world.loseState();
    steered.bucketStates.on("read", async () => {
      steered.bucketStates.on("read", undefined);
      throw storeDown();
    });

    const looks = [recovery.recoverAll(), recovery.recoverAll()];

    await expect(looks[0]).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await looks[1];
    await world.expectRecovered();
  });

  it("drops what is older than its row, keeps the rest, and lets what follows win", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const kept = await process.inStep("{user:1}kept");
    const { newest } = await rolledBack(world, process);
    const pending = world.redis.snapshot().markers.size;

    await process.recovery.recoverAll();

    const [copy, other] = await process.cache.observe([KEY, kept.key]);
    expect([copy?.value, copy?.meta]).toEqual([undefined, undefined]);
    expect(other?.meta?.version).toBe(kept.version);
    expect(world.redis.markers.size).toBe(pending);
    expect((await process.write()).version > newest.version).toBe(true);
    expect(process.recovery.report).toMatchObject({ buckets: 1, dropped: 1, setAside: 0 });
    expect(process.log.told).toEqual([
      "warn: Redis had lost state and was recovered from the store",
    ]);
  });

  it("applies the events of the bucket before it asks for rows: what is only there is newest too", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const old = await process.inStep(KEY, "old");
    const event = { ...old, value: "event", version: later(old.version) };
    await world.past.outbox.append([event]);
    world.redis.restart();
    // The state of that time knows no newer version than the copy's.
    await process.recovery.recoverAll();

    expect(await valueOf(world, process)).toBe("event");
    expect(await world.past.outbox.countUnprocessed()).toBe(1);
  });

  it("goes through all pages of events and rows", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const snapshot = world.redis.snapshot();
    const entries = [];
    for (let number = 0; number < 1100; number += 1) {
      entries.push(await process.write(`{user:1}${number}`));
    }
    await world.past.outbox.append(entries);
    world.restart(snapshot);
    for (const { key } of entries) world.redis.set(key, "without meta");

    await process.recovery.recoverAll();

    expect(process.recovery.report.dropped).toBe(1100);
    expect([...world.redis.values.keys()]).toEqual([]);
  });

  it("does it again where somebody has raised the store's epoch meanwhile", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.loseState();
    let installs = 0;
    process.steered.buckets.on("install", async (proceed) => {
      installs += 1;
      const outcome = await proceed();
      if (installs === 1) await world.past.bucketStates.raiseEpoch(BUCKET, world.redis.run);
      return outcome;
    });

    await process.recovery.whenLost(BUCKET);

    await world.expectRecovered();
    expect(installs).toBe(2);
    expect(process.calls.filter((call) => call === "bucketStates.raiseEpoch")).toHaveLength(1);
  });

  it("is content with what another process has installed in the meantime", async () => {
    const world = await openRecoveryWorld();
    const [process, other] = [await world.openProcess(), await world.openProcess()];
    world.loseState();
    process.steered.buckets.on("install", async (proceed) => {
      process.steered.buckets.on("install", undefined);
      await other.recovery.whenLost(BUCKET);
      await other.journal("{user:1}after");
      return proceed();
    });

    await process.recovery.whenLost(BUCKET);

    await world.expectRecovered();
    expect(process.calls.filter((call) => call === "bucketStates.raiseEpoch")).toHaveLength(1);
    expect(other.losses()).toEqual([]);
    expect(world.redis.meta("{user:1}after")).toBeDefined();
  });

  it("begins anew, with an epoch of its own, where the server is lost in its middle", async () => {
    const world = await openRecoveryWorld();
    const [process, other] = [await world.openProcess(), await world.openProcess()];
    const { snapshot } = await rolledBack(world, process);
    let lost = "";
    process.steered.buckets.on("install", async (proceed) => {
      process.steered.buckets.on("install", undefined);
      await other.recovery.whenLost(BUCKET);
      lost = (await other.journal("{user:1}after")).version;
      world.restart(snapshot);
      return proceed();
    });

    await process.recovery.whenLost(BUCKET);

    await world.expectRecovered();
    expect(epochOf((await process.write()).version)).toBeGreaterThan(epochOf(lost));
    await world.clock.advance(0);
    await other.recovery.recoverAll();
    expect(other.losses()).toEqual([["{user:1}after"]]);
  });

  it("survives a restart before any of its steps, and never shows what is older than the store", async () => {
    let places = 0;
    for (let isEnd = false; !isEnd; places += 1) {
      const place = places;
      const world = await openRecoveryWorld();
      const process = await world.openProcess();
      const { snapshot } = await rolledBack(world, process);
      let calls = 0;
      for (const port of Object.values(process.steered)) {
        port.onEvery(async (proceed) => {
          calls += 1;
          if (calls === place + 1) {
            world.restart(snapshot);
          }
          return proceed();
        });
      }

      await process.recovery.whenLost(BUCKET);
      expect([place, await valueOf(world, process)]).toEqual([place, "newest"]);
      await world.expectRecovered();
      isEnd = calls <= place;
    }
    expect(places).toBeGreaterThan(10);
  });

  it("is done by two processes at once in any order of their steps", async () => {
    const turns = (name: "one" | "two") => Array.from({ length: 5 }, () => name);
    for (const order of mergesOf(turns("one"), turns("two"))) {
      const world = await openRecoveryWorld();
      const processes = { one: await world.openProcess(), two: await world.openProcess() };
      await rolledBack(world, processes.one);
      const take = inOrder(order);
      const minted: string[] = [];
      for (const name of ["one", "two"] as const) {
        const { steered, journal } = processes[name];
        const inTurn = async (proceed: () => Promise<unknown>) => {
          await take(name);
          return proceed();
        };
        steered.bucketStates.on("raiseEpoch", inTurn);
        steered.bucketStates.on("rowsAbove", inTurn);
        steered.outbox.on("unprocessedIn", inTurn);
        steered.buckets.on("install", async (proceed) => {
          await take(name);
          const outcome = await proceed();
          if (outcome === "installed") minted.push((await journal(`{user:1}by ${name}`)).key);
          return outcome;
        });
      }

      await Promise.all(
        (["one", "two"] as const).map(async (name) => {
          await recoverOne(processes[name]);
          take.leave(name);
        }),
      );

      expect([order, await valueOf(world, processes.one)]).toEqual([order, "newest"]);
      await world.expectRecovered();
      for (const key of minted) expect([key, world.redis.markers.has(key)]).toEqual([key, true]);
      for (const { recovery, losses } of Object.values(processes)) {
        await recovery.recoverAll();
        expect(losses()).toEqual([]);
      }
    }
  });

  it("answers RECOVERING at once where the store refuses, and works when the store is back", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.loseState();
    process.steered.bucketStates.on("raiseEpoch", async () => {
      throw storeDown();
    });

    await expect(process.cache.observe([KEY])).rejects.toMatchObject({
      code: "RECOVERING",
      cause: { code: "STORE_UNAVAILABLE" },
    });
    process.steered.bucketStates.on("raiseEpoch", undefined);

    expect(await process.cache.observe([KEY])).toHaveLength(1);
    await world.expectRecovered();
  });

  it("answers RECOVERING in time where the store is silent, and goes on by itself when it answers", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const gate = deferred();
    world.loseState();
    process.steered.bucketStates.on("raiseEpoch", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    const answers = Promise.allSettled([process.write(), process.cache.observe([KEY])]);
    await world.clock.advance(WAIT_MS - 1);
    let isAnswered = false;
    void answers.then(() => {
      isAnswered = true;
    });
    await world.clock.advance(0);
    expect(isAnswered).toBe(false);

    await world.clock.advance(1);
    for (const answer of await answers) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "RECOVERING" } });
    }
    gate.resolve();
    await world.clock.advance(0);

    await world.expectRecovered();
  });

  it("is one for all calls that wait", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.loseState();

    await Promise.all(Array.from({ length: 1000 }, () => process.cache.observe([KEY])));

    const countOf = (name: string) => process.calls.filter((call) => call === name).length;
    expect(countOf("bucketStates.raiseEpoch")).toBe(1);
    expect(countOf("buckets.install")).toBe(1);
    expect(countOf("buckets.states")).toBeLessThan(10);
  });

  it("tells a Redis that has come to belong to another store as what it is", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.redis.flush();
    world.redis.tie("another store");

    await expect(process.cache.observe([KEY])).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  });

  it("goes above the epoch of a cache whose store was restored from a backup", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const state = world.redis.states.get(BUCKET)!;
    world.redis.states.set(BUCKET, { ...state, epoch: 5 });
    const ahead = await process.write();
    await process.recovery.recoverAll();
    expect(await world.epochs()).toEqual({ cache: 5, store: FIRST_EPOCH });

    world.redis.restart();
    await process.recovery.recoverAll();

    expect(await world.epochs()).toEqual({ cache: 6, store: 6 });
    expect((await process.cache.observe([KEY]))[0]?.meta?.version).toBe(ahead.version);
  });

  it("recovers a cache that the store has left behind", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const old = await process.inStep(KEY, "old");
    await world.past.bucketStates.raiseEpoch(BUCKET, "another server");
    const elsewhere = { ...old, value: "elsewhere", version: formatVersion(2, 1) };
    await world.past.store.applyNewer([elsewhere], "ASYNC_THREAD");

    await process.recovery.recoverAll();

    await world.expectRecovered();
    expect(await valueOf(world, process)).toBe("elsewhere");
    // One of its own: two servers never mint under the same.
    expect(await world.epochs()).toEqual({ cache: 3, store: 3 });
  });
});

describe("Recovery of a cache whose rows may have been purged", () => {
  it("sets aside what has no row, pending or clean or deleted, and tells it by key", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const pending = await process.write("{user:1}pending");
    const clean = await process.write("{user:1}clean");
    await process.cache.acknowledge([clean]);
    const synced = await process.inStep("{user:1}synced");
    world.purgedUpTo(later(synced.version));
    world.redis.restart();

    await process.recovery.recoverAll();

    expect([...world.redis.aside.keys()].toSorted()).toEqual([clean.key, pending.key].toSorted());
    expect(world.redis.meta(pending.key)).toBeUndefined();
    expect(world.redis.meta(synced.key)?.version).toBe(synced.version);
    expect(process.recovery.report.setAside).toBe(2);
    expect(process.log.lines.find(({ level }) => level === "warn")?.fields).toMatchObject({
      setAside: [clean.key, pending.key],
    });
  });

  it("sets nothing aside where nothing above the state was purged", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const entry = await process.write();
    world.purgedUpTo(entry.version);
    world.redis.restart();

    await process.recovery.recoverAll();

    expect(world.redis.aside.size).toBe(0);
    expect(world.redis.meta(KEY)?.version).toBe(entry.version);
    expect(process.calls).not.toContain("cache.scan");
  });

  it("leaves values of other programs, and those of other buckets", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    world.redis.set("{user:1}of another program", "theirs");
    world.redis.putOther("{user:1}list", "list");
    await process.write("in another bucket");
    world.purgedUpTo("9".repeat(24));
    world.redis.restart();

    await process.recovery.recoverAll();

    expect(world.redis.value("{user:1}of another program")?.bytes.toString()).toBe("theirs");
    expect(world.redis.value("{user:1}list")).toBeDefined();
    expect(world.redis.meta("in another bucket")).toBeDefined();
    expect(world.redis.aside.size).toBe(0);
  });

  it("sees a purge that takes a row while the rows are being looked at", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const { old, snapshot } = await rolledBack(world, process);
    const deleted = tombstoneOf({ key: KEY, version: formatVersion(1, seqOf(old.version) + 9) });
    await world.past.store.applyNewer([deleted], "ASYNC_THREAD");
    world.restart(snapshot);
    process.steered.bucketStates.on("rowsAbove", async (proceed) => {
      world.purgedUpTo(deleted.version);
      world.past.database.query("DELETE FROM kvshadow WHERE version = ?").run(deleted.version);
      return proceed();
    });

    await process.recovery.recoverAll();

    expect(await valueOf(world, process)).toBeUndefined();
    expect([...world.redis.aside.keys()]).toEqual([KEY]);
  });

  it("tells what was set aside by an attempt that failed, with the one that succeeds", async () => {
    const world = await openRecoveryWorld();
    const process = await world.openProcess();
    const entry = await process.write();
    world.purgedUpTo(later(entry.version));
    world.redis.restart();
    process.steered.buckets.on("install", async () => {
      process.steered.buckets.on("install", undefined);
      throw storeDown();
    });
    await expect(process.recovery.recoverAll()).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await process.recovery.recoverAll();

    expect(
      process.log.lines
        .filter(({ level }) => level === "warn")
        .flatMap(({ fields }) => (fields as { setAside: readonly string[] }).setAside),
    ).toEqual([KEY]);
  });
});

describe("Recovery of a new Redis", () => {
  it("logs no loss", async () => {
    const world = await openRecoveryWorld({ isTied: false });
    const process = await world.openProcess();

    await process.recovery.recoverAll();

    await world.expectRecovered();
    expect(process.log.told).toEqual([]);
  });

  it("logs no loss where two processes come at once", async () => {
    const world = await openRecoveryWorld({ isTied: false });
    const processes = [await world.openProcess(), await world.openProcess()];

    await Promise.all(processes.map(({ recovery }) => recovery.recoverAll()));

    await world.expectRecovered();
    for (const { log } of processes) expect(log.told).toEqual([]);
  });
});

/** As a call that has met the bucket does, without a look at the others. */
async function recoverOne({ recovery }: RecoveryProcess): Promise<void> {
  await recovery.whenLost(BUCKET);
}

/** Lets each take its turns in that order; who has left is waited for no more. */
function inOrder(order: readonly string[]) {
  let left = [...order];
  let waiting: { readonly name: string; readonly go: () => void }[] = [];
  const pass = () => {
    for (;;) {
      const next = waiting.find(({ name }) => left[0] === name || !left.includes(name));
      if (next === undefined) return;
      if (left[0] === next.name) left.shift();
      waiting = waiting.filter((one) => one !== next);
      next.go();
    }
  };
  const take = (name: string) =>
    new Promise<void>((resolve) => {
      waiting.push({ name, go: resolve });
      pass();
    });
  return Object.assign(take, {
    leave: (name: string) => {
      left = left.filter((one) => one !== name);
      pass();
    },
  });
}
