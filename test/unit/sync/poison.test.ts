import { describe, expect, it } from "@jest/globals";
import { SWEEP_AGE_MS } from "../../../src/sync/journal-sweep.ts";
import { setOf } from "../../contract/commands.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { storeDown } from "../../support/builders.ts";
import { ATTEMPTS_MAX } from "../../support/cache-first-world.ts";
import { openProjectorWorld } from "../../support/projector-world.ts";

/** Longer than any event rests. */
const REST_MS = 60_000;

/** A projector on a store whose rules forbid rows of the key "poison". */
async function openWorld() {
  const world = await openProjectorWorld();
  const { database, past, projector, signal, clock, looker } = world;
  const lift = () => database.query("DROP TRIGGER forbid").run();
  database
    .query(
      `CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
       WHEN NEW.key = CAST('poison' AS BLOB) BEGIN SELECT RAISE(ABORT, 'forbidden'); END`,
    )
    .run();
  return {
    ...world,
    lift,
    letters: async () => (await past.outbox.deadLetters({ limit: 10 })).letters,
    verdictOf: async (key: string) => (await looker.inspect(key)).verdict.copyClass,
    untilParked: async () => {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        await projector.drain(signal);
        await clock.advance(REST_MS);
      }
    },
  };
}

describe("an event that the store refuses", () => {
  it("is taken out of its batch, so that the others are applied", async () => {
    const { append, projector, signal, valueOf, waiting } = await openWorld();
    for (const key of ["a", "poison", "b"]) await append(key);

    await projector.drain(signal);

    expect([await valueOf("a"), await valueOf("b")]).toEqual(["first", "first"]);
    expect(await valueOf("poison")).toBeUndefined();
    expect(await waiting()).toEqual({ events: 1, markers: 1 });
  });

  it("rests before it is tried again, longer each time", async () => {
    const { append, projector, signal, steered, clock } = await openWorld();
    await append("poison");
    const rests: number[] = [];
    steered.outbox.on("release", async (proceed, [, retryAfterMs]) => {
      rests.push(retryAfterMs as number);
      return proceed();
    });

    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt += 1) {
      await projector.drain(signal);
      expect((await projector.drain(signal)).events).toBe(0);
      await clock.advance(REST_MS);
    }

    expect(rests).toHaveLength(ATTEMPTS_MAX - 1);
    rests.forEach((restMs, i) => {
      expect(restMs).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(restMs).toBeLessThanOrEqual(1000 * 2 ** i);
    });
  });

  it("is parked after the last attempt, with its cause, and said so in the log", async () => {
    const { append, untilParked, letters, projector, signal, log } = await openWorld();
    await append("poison");

    await untilParked();

    expect(await letters()).toMatchObject([
      { key: "poison", cause: "SQLite: forbidden.", attempts: ATTEMPTS_MAX },
    ]);
    expect((await projector.drain(signal)).events).toBe(0);
    expect(log.told).toEqual([
      "warn: The store refuses an outbox event, which was parked: see outbox_dead_letters",
    ]);
  });

  it("is tried as often as ever after an outage that had met it before", async () => {
    const { append, projector, signal, steered, clock, letters, untilParked } = await openWorld();
    await append("poison");
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      await projector.drain(signal).catch(() => undefined);
      await clock.advance(REST_MS);
    }
    steered.store.on("applyNewer", undefined);

    await projector.drain(signal);
    const atFirst = await letters();
    await clock.advance(REST_MS);
    await untilParked();

    expect(atFirst).toEqual([]);
    expect(await letters()).toMatchObject([{ attempts: ATTEMPTS_MAX }]);
  });

  it("keeps its marker, and verification calls its key overdue", async () => {
    const { append, untilParked, waiting, verdictOf } = await openWorld();
    await append("poison");

    await untilParked();

    expect(await waiting()).toEqual({ events: 1, markers: 1 });
    expect(await verdictOf("poison")).toBe("overdue");
  });

  it("is in no later event's way, and once overtaken it alarms nobody", async () => {
    const { append, untilParked, lift, projector, signal, valueOf, verdictOf, letters } =
      await openWorld();
    await append("poison", "refused");
    await untilParked();
    lift();

    await append("poison", "later");
    await projector.drain(signal);

    expect(await valueOf("poison")).toBe("later");
    expect(await letters()).toHaveLength(1);
    expect(await verdictOf("poison")).toBe("ok");
  });

  it("is applied after a replay, once the cause is gone", async () => {
    const { append, untilParked, lift, past, projector, signal, valueOf, waiting } =
      await openWorld();
    await append("poison");
    await untilParked();
    lift();

    await past.outbox.replay({ limit: 10 });
    await projector.drain(signal);

    expect(await valueOf("poison")).toBe("first");
    expect(await waiting()).toEqual({ events: 0, markers: 0 });
  });

  it("covers nothing newer when it is replayed late", async () => {
    const { append, untilParked, lift, past, projector, signal, valueOf, waiting } =
      await openWorld();
    await append("poison", "refused");
    await untilParked();
    lift();
    await append("poison", "later");
    await projector.drain(signal);

    await past.outbox.replay({ limit: 10 });
    await projector.drain(signal);

    expect(await valueOf("poison")).toBe("later");
    expect(await waiting()).toEqual({ events: 0, markers: 0 });
  });

  it("takes an older write of its key along, which the store does not refuse", async () => {
    const { past, projector, signal, valueOf, database } = await openWorld();
    database.query("DROP TRIGGER forbid").run();
    database
      .query(
        `CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
         WHEN NEW.value = CAST('refused' AS BLOB) BEGIN SELECT RAISE(ABORT, 'forbidden'); END`,
      )
      .run();
    await past.outbox.append([
      entryOf({ key: "a", version: versionNo(1), value: "older" }),
      entryOf({ key: "a", version: versionNo(2), value: "refused" }),
    ]);

    await projector.drain(signal);

    expect(await valueOf("a")).toBe("older");
    expect(await past.outbox.countUnprocessed()).toBe(1);
  });
});

describe("a journal write that the store refuses", () => {
  async function openWithJournal() {
    const world = await openWorld();
    for (const key of ["a", "poison", "b"]) {
      await world.past.cache.write(setOf({ key }));
      await world.clock.advance(1);
    }
    await world.clock.advance(SWEEP_AGE_MS);
    return world;
  }

  it("is in no other write's way, and becomes an event that is parked like any other", async () => {
    const { sweep, signal, valueOf, waiting, untilParked, letters } = await openWithJournal();

    expect(await sweep.run(signal)).toBe(2);

    expect([await valueOf("a"), await valueOf("b")]).toEqual(["new", "new"]);
    expect(await waiting()).toEqual({ events: 1, markers: 1 });
    await untilParked();
    expect(await letters()).toMatchObject([{ key: "poison" }]);
  });

  it("is handed over once, by however many sweeps", async () => {
    const { sweep, signal, waiting, calls } = await openWithJournal();
    await sweep.run(signal);
    const before = calls.filter((call) => call === "store.applyNewer").length;

    await sweep.run(signal);

    expect(await waiting()).toEqual({ events: 1, markers: 1 });
    expect(calls.filter((call) => call === "store.applyNewer")).toHaveLength(before);
  });

  it("is brought over, marker and all, when its event is replayed after the cause has gone", async () => {
    const { untilParked, lift, past, projector, signal, valueOf, waiting } =
      await openWithJournal();
    await untilParked();
    lift();

    await past.outbox.replay({ limit: 10 });
    await projector.drain(signal);

    expect(await valueOf("poison")).toBe("new");
    expect(await waiting()).toEqual({ events: 0, markers: 0 });
  });

  it("is tried again as soon as the key is written anew", async () => {
    const { sweep, signal, lift, past, clock, valueOf } = await openWithJournal();
    await sweep.run(signal);
    lift();
    await past.cache.write(setOf({ key: "poison", value: "newer" }));
    await clock.advance(SWEEP_AGE_MS);

    expect(await sweep.run(signal)).toBe(1);

    expect(await valueOf("poison")).toBe("newer");
  });
});
