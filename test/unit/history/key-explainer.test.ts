import { describe, expect, it } from "@jest/globals";
import { Historian } from "../../../src/history/historian.ts";
import { HistoryRing } from "../../../src/history/history-ring.ts";
import { KeptHistory } from "../../../src/history/kept-history.ts";
import { KeyExplainer } from "../../../src/history/key-explainer.ts";
import { watchCache, watchStore } from "../../../src/history/watch-backends.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { setOf } from "../../contract/commands.ts";
import { versionAt } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { steer } from "../../support/steer.ts";

const RETENTION_MS = 3_600_000;
const repaired = { what: "repaired", how: "drop_copy", version: versionAt(1) } as const;

/** Processes that share a cache and a store, each with a memory of its own. */
async function openWorld({ eventsMax = 1000, keptMax = 1000 } = {}) {
  const world = await openCacheFirstWorld();
  const { clock, log, past, sqlite } = world;
  const records = steer("records", sqlite.records, []);
  let processes = 0;
  const openProcess = () => {
    processes += 1;
    const by = `process ${processes}`;
    const ring = new HistoryRing({ eventsMax, perKeyMax: 50 });
    const kept = new KeptHistory({
      records: records.port,
      clock,
      random: new SeededRandom(processes),
      log,
      by,
      retentionMs: RETENTION_MS,
      eventsMax: keptMax,
    });
    const historian = new Historian({ ring, kept, clock });
    const cache = watchCache(past.cache, historian);
    const store = watchStore(past.store, historian, "sweep");
    const explainer = new KeyExplainer({
      cache: world.ports.cache,
      outbox: past.outbox,
      store: past.store,
      ring,
      kept,
      clock,
      by,
      keptForMs: RETENTION_MS,
      keyMaxBytes: 1024,
    });
    return {
      kept,
      historian,
      cache,
      store,
      tell: async (key = "user:1", limit = 100) => {
        const { events } = await explainer.explain(key, limit);
        return events.map(({ what, how, from }) => [what, how, from].join(" "));
      },
      explainer,
    };
  };
  return { ...world, records, openProcess };
}

describe("KeyExplainer", () => {
  it("tells each step of a write that it has seen, once", async () => {
    const { openProcess } = await openWorld();
    const { cache, store, tell } = openProcess();

    const written = await cache.write(setOf({ key: "user:1", sessionId: "session 1" }));
    if (written.outcome !== "written") throw new Error("The write was refused.");
    await store.applyNewer([written.entry], "EVENT_BASED");
    await cache.acknowledge([written.entry]);

    expect(await tell()).toEqual([
      "written set process",
      "synced sweep process",
      "acknowledged  process",
    ]);
  });

  it("tells a later process of the last write and how far it came, from what both sides hold", async () => {
    const world = await openWorld();
    const written = await world.past.cache.write(
      setOf({ key: "user:1", sessionId: "session 1", interactionId: "question 7" }),
    );
    if (written.outcome !== "written") throw new Error("The write was refused.");
    const { tell, explainer } = world.openProcess();
    expect(await tell()).toEqual(["written set state", "pending journal state"]);

    await world.past.outbox.append([written.entry]);
    expect(await tell()).toEqual([
      "written set state",
      "waiting event state",
      "pending journal state",
    ]);

    await world.clock.advance(5);
    await world.past.store.applyNewer([written.entry], "ASYNC_THREAD");
    await world.past.cache.acknowledge([written.entry]);
    const [event] = await world.past.outbox.claim({ owner: "x", limit: 1, leaseMs: 1000 });
    await world.past.outbox.markProcessed([event!.id]);
    expect(await tell()).toEqual(["written set state", "synced direct state"]);
    expect((await explainer.explain("user:1", 10)).events).toMatchObject([
      { sessionId: "session 1", interactionId: "question 7", version: written.entry.version },
      { atMs: world.clock.nowMs() },
    ]);
  });

  it("notices an eviction by the fill that it makes necessary, and not after a copy was dropped", async () => {
    const world = await openWorld();
    const { cache, store, historian, tell } = world.openProcess();
    const written = await cache.write(setOf({ key: "user:1" }));
    if (written.outcome !== "written") throw new Error("The write was refused.");
    const { entry } = written;
    await store.applyNewer([entry], "ASYNC_THREAD");
    await cache.acknowledge([entry]);
    const fill = async () => cache.fill(entry, (await cache.takeLease("user:1"))!);

    world.redis.del("user:1");
    world.redis.metas.delete("user:1");
    await fill();
    const [seen] = await cache.observe(["user:1"]);
    await cache.drop(seen!, "copy");
    await fill();

    expect((await tell()).slice(3)).toEqual([
      "evicted  process",
      "filled  process",
      "dropped repair process",
      "filled  process",
    ]);
    expect(historian.ring.of("user:1")).toHaveLength(7);
  });

  it("tells other processes what is rare, who noted it, and nothing twice", async () => {
    const world = await openWorld();
    const [one, other] = [world.openProcess(), world.openProcess()];
    one.historian.note("user:1", repaired);
    one.historian.note("user:1", { what: "filled", how: null, version: versionAt(1) });

    expect(await one.tell()).toEqual(["repaired drop_copy process", "filled  process"]);
    const { events } = await other.explainer.explain("user:1", 10);
    expect(events).toMatchObject([{ what: "repaired", from: "kept", by: "process 1" }]);
    await world.clock.advance(RETENTION_MS);
    expect(await other.tell()).toEqual([]);
  });

  it("keeps what is found again and again once, with how often it was", async () => {
    const world = await openWorld();
    const { historian, explainer, kept } = world.openProcess();
    for (let i = 0; i < 10; i += 1) historian.note("user:1", repaired);

    expect((await explainer.explain("user:1", 10)).events).toMatchObject([{ times: 10 }]);
    expect(await kept.of("user:1", 10)).toHaveLength(1);
  });

  it("says what it covers, and whether it left something out", async () => {
    const world = await openWorld();
    const sinceMs = world.clock.nowMs();
    const { historian, explainer } = world.openProcess();
    await world.clock.advance(1000);
    for (let i = 1; i <= 5; i += 1)
      historian.note("user:1", { what: "filled", how: null, version: versionAt(i) });

    const { events, truncated, covers } = await explainer.explain("user:1", 3);

    expect(events.map(({ version }) => version)).toEqual([3, 4, 5].map(versionAt));
    expect(truncated).toBe(true);
    expect(covers).toEqual({
      process: "process 1",
      sinceMs,
      keptForMs: RETENTION_MS,
      letGo: 0,
      unknown: [],
    });
  });

  it("tells what it remembers while cache and store do not answer, and says so", async () => {
    const world = await openWorld();
    const { historian, explainer } = world.openProcess();
    historian.note("user:1", repaired);
    const refuse = async () => {
      throw new LockstepError("STORE_UNAVAILABLE", "down");
    };
    world.records.onEvery(refuse);
    world.steered.cache.onEvery(refuse);

    const { events, covers } = await explainer.explain("user:1", 10);

    expect(events).toMatchObject([{ what: "repaired", from: "process" }]);
    expect(covers).toMatchObject({ unknown: ["kept", "state"], letGo: 1 });
  });

  it("refuses keys that nobody may write", async () => {
    const { explainer } = (await openWorld()).openProcess();

    await expect(explainer.explain("lockstep:m:x", 10)).rejects.toMatchObject({
      code: "KEY_RESERVED",
    });
  });
});

describe("KeptHistory", () => {
  it("writes what waits every second and when it is stopped", async () => {
    const world = await openWorld();
    const { kept, historian } = world.openProcess();
    kept.start();
    historian.note("user:1", repaired);
    await world.clock.advance(1000);
    historian.note("user:2", repaired);

    expect([await kept.of("user:1", 10), await kept.of("user:2", 10)]).toMatchObject([
      [repaired],
      [],
    ]);
    await kept.stop();
    expect(await kept.of("user:2", 10)).toMatchObject([repaired]);
  });

  it("lets go of what comes too fast, of evictions first, and counts that", async () => {
    const { openProcess } = await openWorld();
    const { kept, historian } = openProcess();
    for (let i = 0; i < 50; i += 1)
      historian.note(`evicted:${i}`, { what: "evicted", how: null, version: versionAt(1) });
    for (let i = 0; i < 2000; i += 1) historian.note(`user:${i}`, repaired);

    await kept.flush();

    expect(kept.letGo).toBe(50 - 20 + 2000 - 980);
    expect(await kept.of("user:979", 10)).toHaveLength(1);
    expect(await kept.of("user:980", 10)).toHaveLength(0);
  });

  it("keeps so many of all keys, the latest", async () => {
    const world = await openWorld({ keptMax: 100 });
    const { kept, historian } = world.openProcess();
    for (let i = 0; i < 1000; i += 1) {
      historian.note(`user:${i}`, repaired);
      await world.clock.advance(1);
    }

    await kept.flush();

    expect(await world.sqlite.records.list("key_history", { limit: 500 })).toHaveLength(100);
    expect(await kept.of("user:999", 10)).toHaveLength(1);
  });
});
