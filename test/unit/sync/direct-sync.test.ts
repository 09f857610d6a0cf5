import { describe, expect, it } from "@jest/globals";
import type { Entry } from "../../../src/model/entry.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { Version } from "../../../src/model/version.ts";
import { beginLife, type StatementLife } from "../../../src/store/statement-life.ts";
import { DirectSync } from "../../../src/sync/direct-sync.ts";
import { EpochCheck } from "../../../src/sync/epoch-check.ts";
import { StoreCircuit } from "../../../src/sync/store-circuit.ts";
import { SyncPool } from "../../../src/sync/sync-pool.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

const WINDOW_MS = 2;
const LIMIT_MS = 2000;
const PLACE_MS = 1000;

async function openWorld({ concurrency = 10, sizeMax = 3 } = {}) {
  const { ports, steered, steeredStates, clock, past } = await openCacheFirstWorld();
  const bulks: (readonly Entry[])[] = [];
  const told: ReadonlyMap<string, Version>[] = [];
  const late: [string, Version][] = [];
  const unchecked: [string, Version][] = [];
  const behind: string[] = [];
  const { store } = ports;
  const pool = new SyncPool(clock, concurrency);
  const lives: (StatementLife | undefined)[] = [];
  const direct = new DirectSync<string>({
    store: {
      ...store,
      applyNewer: (entries, method, life) => {
        bulks.push(entries);
        lives.push(life);
        return store.applyNewer(entries, method, life);
      },
    },
    epochs: new EpochCheck(ports.bucketStates, clock),
    pool,
    circuit: new StoreCircuit(clock),
    clock,
    limitMs: LIMIT_MS,
    placeMs: PLACE_MS,
    batch: { sizeMax, windowMs: WINDOW_MS },
    tell: async (versions) => {
      told.push(versions);
      return new Map([...versions.keys()].map((key) => [key, `told ${key}`]));
    },
    onLate: (entry, { version }) => void late.push([entry.key, version]),
    onUnchecked: (versions) => void unchecked.push(...versions),
  });
  const gate = deferred();
  /** Keeps the store's answers to bulks until the gate is open. */
  const holdStore = () =>
    steered.store.on("applyNewer", async (proceed) => {
      await gate.promise;
      return proceed();
    });
  const sync = {
    apply: (entry: Entry, life = beginLife(clock)) => direct.apply(entry, life),
    applyBehind: (entry: Entry) =>
      direct.applyBehind(entry, beginLife(clock), ({ outcome }) => behind.push(outcome)),
  };
  /** From now on the store does not tell whether the epoch of what has landed has passed. */
  const hideEpochs = () =>
    steeredStates.on("read", async () => {
      throw storeDown();
    });
  const seen = { bulks, lives, told, late, unchecked, behind };
  return { sync, ...seen, clock, pool, past, steered, gate, holdStore, hideEpochs };
}

const write = (key: string, no = 1) => entryOf({ key, version: versionNo(no) });
const keysOf = (bulk: readonly Entry[] | undefined) => bulk?.map((entry) => entry.key);

describe("DirectSync", () => {
  it("sends a write that comes alone without waiting for company", async () => {
    const { sync, bulks } = await openWorld();

    const answer = await sync.apply(write("a"));

    expect(answer).toEqual({
      outcome: "done",
      value: { version: versionNo(1), told: "told a", isLeftBehind: false },
    });
    expect(bulks.map(keysOf)).toEqual([["a"]]);
  });

  it("gives a bulk the life of the write that was prepared first", async () => {
    const { sync, lives, clock } = await openWorld();
    const now = beginLife(clock);
    await clock.advance(1000);
    const later = beginLife(clock);

    await Promise.all([
      sync.apply(write("a"), later),
      sync.apply(write("b"), now),
      sync.apply(write("c"), later),
    ]);

    expect(lives).toEqual([now]);
  });

  it("sends writes of one moment as one bulk, and tells the cache of them at once", async () => {
    const { sync, bulks, told } = await openWorld();

    await Promise.all([sync.apply(write("a")), sync.apply(write("b"))]);

    expect(bulks.map(keysOf)).toEqual([["a", "b"]]);
    expect(told).toHaveLength(1);
  });

  it("lets those that come while others are under way wait for company", async () => {
    const { sync, bulks, clock, gate, holdStore } = await openWorld();
    holdStore();
    const first = sync.apply(write("a"));
    await clock.advance(0);
    const second = sync.apply(write("b"));
    await clock.advance(0);
    await clock.advance(WINDOW_MS - 1);
    const third = sync.apply(write("c"));
    const before = bulks.length;

    await clock.advance(1);
    gate.resolve();
    await Promise.all([first, second, third]);

    expect(before).toBe(1);
    expect(bulks.map(keysOf)).toEqual([["a"], ["b", "c"]]);
  });

  it("does not let a full batch wait", async () => {
    const { sync, bulks, clock, gate, holdStore } = await openWorld({ sizeMax: 2 });
    holdStore();
    const writes = [sync.apply(write("a"))];
    await clock.advance(0);

    writes.push(sync.apply(write("b")), sync.apply(write("c")), sync.apply(write("d")));
    await clock.advance(0);
    const sent = bulks.map(keysOf);
    await clock.advance(WINDOW_MS);
    gate.resolve();
    await Promise.all(writes);

    expect(sent).toEqual([["a"], ["b", "c"]]);
    expect(bulks.map(keysOf)).toEqual([["a"], ["b", "c"], ["d"]]);
  });

  it("writes a key once that is written many times meanwhile, and tells each caller what the shadow has", async () => {
    const { sync, bulks, past } = await openWorld({ sizeMax: 100 });

    const answers = await Promise.all([2, 3, 1].map((no) => sync.apply(write("hot", no))));

    expect(bulks.map((bulk) => bulk.map((entry) => entry.version))).toEqual([[versionNo(3)]]);
    expect(answers).toEqual(
      answers.map(() => ({
        outcome: "done",
        value: { version: versionNo(3), told: "told hot", isLeftBehind: false },
      })),
    );
    expect(await past.store.get("hot")).toMatchObject({ version: versionNo(3) });
  });

  it("takes those along that came while it waited for its place in the pool", async () => {
    const { sync, bulks, clock, pool } = await openWorld({ concurrency: 1, sizeMax: 100 });
    const place = deferred();
    const other = pool.run(() => place.promise, { limitMs: 60_000 });
    const first = sync.apply(write("a"));
    await clock.advance(0);
    await clock.advance(WINDOW_MS);
    const second = sync.apply(write("b"));

    place.resolve();
    await Promise.all([other, first, second]);

    expect(bulks.map(keysOf)).toEqual([["a", "b"]]);
  });

  it("sends nothing of what never had a place, and what comes for the same key after it", async () => {
    const { sync, bulks, clock, pool } = await openWorld({ concurrency: 1, sizeMax: 2 });
    const place = deferred();
    const other = pool.run(() => place.promise, { limitMs: 60_000 });
    const given = [sync.apply(write("a", 1)), sync.apply(write("b")), sync.apply(write("c"))];
    await clock.advance(0);
    await clock.advance(WINDOW_MS + PLACE_MS);
    const outcomes = (await Promise.all(given)).map(({ outcome }) => outcome);

    const later = sync.apply(write("a", 2));
    await clock.advance(0);
    place.resolve();
    await Promise.all([other, runThrough(clock, later)]);

    expect(outcomes).toEqual(["never_begun", "never_begun", "never_begun"]);
    expect(bulks.map((bulk) => bulk.map(({ version }) => version))).toEqual([[versionNo(2)]]);
    expect((await later).outcome).toBe("done");
  });

  it("fails everyone in a batch that the store did not take, and nobody in the next", async () => {
    const { sync, steered } = await openWorld();
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    const failed = await Promise.all([sync.apply(write("a")), sync.apply(write("b"))]);
    steered.store.on("applyNewer", undefined);

    const next = await sync.apply(write("c"));

    expect(failed.map((answer) => answer.outcome)).toEqual(["failed", "failed"]);
    expect(next.outcome).toBe("done");
  });

  it("lets nobody else pay for a write that the store refuses", async () => {
    const { sync, steered } = await openWorld({ sizeMax: 100 });
    const refusal = new LockstepError("DOCUMENT_REFUSED", "The document is not valid.");
    steered.store.on("applyNewer", async (proceed, [entries]) => {
      if ((entries as readonly Entry[]).some((entry) => entry.key === "poison")) throw refusal;
      return proceed();
    });

    const answers = await Promise.all(["a", "poison", "b"].map((key) => sync.apply(write(key))));

    expect(answers.map((answer) => answer.outcome)).toEqual(["done", "failed", "done"]);
    expect(answers[1]).toEqual({ outcome: "failed", error: refusal });
  });

  it("tells of each write that landed after its caller had been told otherwise", async () => {
    const { sync, clock, gate, holdStore, late, pool } = await openWorld();
    holdStore();
    const answers = Promise.all([sync.apply(write("a")), sync.apply(write("b"))]);
    await clock.advance(0);
    await clock.advance(LIMIT_MS);
    const outcomes = (await answers).map((answer) => answer.outcome);

    gate.resolve();
    await pool.idle();
    await clock.advance(0);

    expect(outcomes).toEqual(["timed_out", "timed_out"]);
    expect(late).toEqual([
      ["a", versionNo(1)],
      ["b", versionNo(1)],
    ]);
  });

  it.each([
    ["in time", 0, "failed"],
    ["late", LIMIT_MS, "timed_out"],
  ])(
    "says what has landed %s of which the store does not tell whether its epoch has passed",
    async (_when, afterMs, outcome) => {
      const { sync, clock, gate, holdStore, hideEpochs, late, unchecked, past } = await openWorld();
      await past.store.applyNewer([write("b", 2)], "ASYNC_THREAD");
      holdStore();
      hideEpochs();
      const answers = Promise.all([sync.apply(write("a")), sync.apply(write("b"))]);
      await clock.advance(0);
      await clock.advance(afterMs);

      gate.resolve();
      await clock.advance(0);

      expect((await answers).map((answer) => answer.outcome)).toEqual([outcome, outcome]);
      expect(late).toEqual([]);
      expect(unchecked).toEqual([
        ["a", versionNo(1)],
        ["b", versionNo(2)],
      ]);
    },
  );

  it("sends a key again only when it has landed, the newest of it, and keeps no other key waiting", async () => {
    const { sync, bulks, clock, gate, holdStore } = await openWorld({ sizeMax: 100 });
    holdStore();
    const writes = [sync.apply(write("hot", 1))];
    await clock.advance(0);
    writes.push(...[3, 2].map((no) => sync.apply(write("hot", no))), sync.apply(write("b")));
    await clock.advance(0);
    await clock.advance(100);
    const before = bulks.map(keysOf);

    gate.resolve();
    const answers = await Promise.all(writes);

    expect(before).toEqual([["hot"], ["b"]]);
    expect(bulks.map((bulk) => bulk.map(({ key, version }) => [key, version]))).toEqual([
      [["hot", versionNo(1)]],
      [["b", versionNo(1)]],
      [["hot", versionNo(3)]],
    ]);
    expect(answers.map((answer) => answer.outcome === "done" && answer.value.version)).toEqual(
      [1, 3, 3, 1].map((no) => versionNo(no)),
    );
  });

  it("holds back a key that another batch has taken along since it came", async () => {
    const { sync, bulks, clock, steered } = await openWorld({ concurrency: 2, sizeMax: 2 });
    const gates = new Map(["a", "hot", "c"].map((key) => [key, deferred()]));
    steered.store.on("applyNewer", async (proceed, [entries]) => {
      await gates.get((entries as readonly Entry[])[0]?.key ?? "")?.promise;
      return proceed();
    });
    const writes = [sync.apply(write("a"))];
    await clock.advance(0);
    // Both batches are full of what came before any of it was under way; the second has to wait for a place.
    writes.push(sync.apply(write("hot", 1)), sync.apply(write("b")));
    writes.push(sync.apply(write("hot", 2)), sync.apply(write("c")));
    await clock.advance(0);

    gates.get("a")?.resolve();
    await clock.advance(0);
    const meanwhile = bulks.map(keysOf);
    for (const gate of gates.values()) gate.resolve();
    const answers = await runThrough(clock, Promise.all(writes));

    expect(meanwhile).toEqual([["a"], ["hot", "b"], ["c"]]);
    expect(bulks.map(keysOf)).toEqual([["a"], ["hot", "b"], ["c"], ["hot"]]);
    expect(answers.every((answer) => answer.outcome === "done")).toBe(true);
  });

  it("tells whoever is held in its own time, and of its landing later, once", async () => {
    const { sync, clock, gate, holdStore, late, pool } = await openWorld();
    holdStore();
    const first = sync.apply(write("hot", 1));
    await clock.advance(0);
    await clock.advance(LIMIT_MS / 2);
    const told: string[] = [];
    void sync.apply(write("hot", 2)).then(({ outcome }) => told.push(outcome));
    await clock.advance(0);

    await clock.advance(LIMIT_MS - 1);
    const early = [...told];
    await clock.advance(1);
    gate.resolve();
    await pool.idle();
    await clock.advance(0);

    expect((await first).outcome).toBe("timed_out");
    expect([early, told]).toEqual([[], ["timed_out"]]);
    expect(late).toEqual([
      ["hot", versionNo(1)],
      ["hot", versionNo(2)],
    ]);
  });

  it("lets a held key go on where the write before it failed", async () => {
    const { sync, clock, steered } = await openWorld();
    const gate = deferred();
    steered.store.on("applyNewer", async () => {
      await gate.promise;
      throw storeDown();
    });
    const first = sync.apply(write("hot", 1));
    await clock.advance(0);
    const second = sync.apply(write("hot", 2));

    steered.store.on("applyNewer", undefined);
    gate.resolve();

    expect([(await first).outcome, (await second).outcome]).toEqual(["failed", "done"]);
  });

  it("lets a key rest that nobody waits for, until it has or somebody does", async () => {
    const { sync, bulks, behind, clock, steered } = await openWorld();
    const gates = [deferred(), deferred()];
    steered.store.on("applyNewer", async (proceed) => {
      await gates[bulks.length - 1]?.promise;
      return proceed();
    });
    const hot = (no: number) => sync.applyBehind(write("hot", no));
    hot(1);
    await clock.advance(0);
    hot(2);
    gates[0]?.resolve();
    await clock.advance(0);
    await clock.advance(9);
    hot(3);
    const resting = bulks.length;
    await clock.advance(1);
    const rested = bulks.length;
    hot(4);
    gates[1]?.resolve();
    await clock.advance(0);

    const awaited = await sync.apply(write("hot", 5));

    expect([resting, rested]).toEqual([1, 2]);
    expect(awaited.outcome).toBe("done");
    expect(bulks.map(([entry]) => entry?.version)).toEqual([1, 3, 5].map((no) => versionNo(no)));
    expect(behind).toEqual(Array(4).fill("done"));
  });
});
