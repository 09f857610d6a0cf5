import { expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { LiveWriter } from "../support/models/live-writer.ts";
import { type ModelWorld, useModelWorld, userOf } from "../support/models/model-world.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";

const NAME = "accounts.User";

describeWith(["redis", "mongodb"], "a reconciliation", () => {
  const world = useModelWorld(1);
  const expiry = expiryIn(world);

  it("does not leave an older entry to an application that writes, and drops its entry, meanwhile", async () => {
    await world.store(userOf(1, 1));
    const write = once(async () => {
      await world.users.replaceOne({ _id: 1 }, userOf(1, 2));
      await world.client.del("user:1");
    });

    const done = await world.reconciler({ between: { entries: write } }).reconcile(NAME);

    expect(await world.versions(1)).toEqual({ stored: 2, cached: 2 });
    expect(done).toMatchObject({ created: 1, updated: 0, conflicts: 0 });
  });

  it("leaves a newer entry that an application writes meanwhile, and brings the document up to it", async () => {
    await world.store(userOf(1, 2));
    await world.cache(userOf(1, 1));
    const write = once(() => world.cache(userOf(1, 3)));

    const done = await world.reconciler({ between: { entries: write } }).reconcile(NAME);

    expect(await world.versions(1)).toEqual({ stored: 3, cached: 3 });
    expect(done).toMatchObject({ updated: 1, conflicts: 0 });
  });

  it("keeps an orphan whose document comes while it is being removed", async () => {
    await world.cache(userOf(1, 1));
    const write = once(() => world.store(userOf(1, 1)));

    await world.reconciler({ between: { entries: write } }).reconcile(NAME);

    expect(await world.versions(1)).toEqual({ stored: 1, cached: 1 });
  });

  it("leaves a key alone that never comes to rest, without an entry that may be old", async () => {
    await world.store(userOf(1, 1));
    let version = 1;
    const write = async () => {
      version += 1;
      await world.users.replaceOne({ _id: 1 }, userOf(1, version));
    };

    const done = await world.reconciler({ between: { entries: write } }).reconcile(NAME);

    expect(done).toMatchObject({ created: 0, conflicts: 1 });
    expect(await world.versions(1)).toEqual({ stored: version, cached: undefined });
  });

  it.each<[string, boolean]>([
    ["orphan", false],
    ["entry of an older document", true],
  ])("leaves a key alone that becomes Lockstep's own while it is an %s", async (_, isStored) => {
    if (isStored) await world.store(userOf(1, 2));
    await world.cache(userOf(1, 1));
    const become = once(() => world.client.set("lockstep:m:user:1", "a meta"));

    const done = await world.reconciler({ between: { entries: become } }).reconcile(NAME);

    expect(done).toMatchObject({ updated: 0, removed: 0, conflicts: 0, lockstepKeys: 1 });
    expect(done.skippedKeys).toEqual([{ key: "user:1", why: "lockstepKeys" }]);
    expect(await world.versions(1)).toMatchObject({ cached: 1 });
  });

  it("leaves a key to an application that holds its lock", async () => {
    await world.store(userOf(1, 1), userOf(2, 1));
    await world.client.set(`lock:${NAME}:1`, "the application's");

    const done = await world.reconciler().reconcile(NAME);

    expect(done).toMatchObject({ created: 1, conflicts: 1 });
    expect(await world.versions(1)).toMatchObject({ cached: undefined });
    expect(await world.client.get(`lock:${NAME}:1`)).toBe("the application's");
    expect(await world.client.exists(`lock:${NAME}:2`)).toBe(0);
  });

  it("changes nothing under a lock that it has lost", async () => {
    await world.store(userOf(1, 1));
    const lose = once(() => world.client.set(`lock:${NAME}:1`, "another's"));

    const done = await world.reconciler({ between: { entries: lose } }).reconcile(NAME);

    expect(done).toMatchObject({ created: 0, conflicts: 1 });
    expect(await world.versions(1)).toMatchObject({ cached: undefined });
    expect(await world.client.get(`lock:${NAME}:1`)).toBe("another's");
  });

  it("says where it goes on, what it has not looked at, and begins anew where the declaration has changed", async () => {
    await world.store(...Array.from({ length: 3 }, (_, at) => userOf(at + 1, 1)));
    const some = { maxInstances: 1 };

    const first = await world.reconciler().reconcile(NAME, some);
    const second = await world.reconciler().reconcile(NAME, some);
    const others = [];
    for (const model of [
      { ttlSec: 5 },
      { fields: ["name", "__v", "updatedAt"] },
      { encoding: "hash" },
      { versionField: undefined },
      { wins: "cache" },
    ] as const)
      others.push(await world.reconciler({ model }).reconcile(NAME, some));
    const last = await world.reconciler().reconcile(NAME);

    expect(first).toMatchObject({ complete: false, resumed: false, resumedFrom: null });
    expect(first.notLookedAt).toBe(
      "documents whose _id comes after 1, and entries without a document; the next run within a day goes on there",
    );
    expect(second).toMatchObject({
      complete: false,
      resumed: true,
      resumedFrom: "after the document whose _id is 1",
    });
    for (const other of others) expect(other).toMatchObject({ checked: 1, resumed: false });
    expect(last).toMatchObject({ checked: 3, complete: true, notLookedAt: null, resumed: false });
  });

  it("goes on after a crash where it was, and comes back at its end to what is locked until then", async () => {
    await world.store(...Array.from({ length: 9 }, (_, at) => userOf(at + 1, 1)));
    let batches = 0;
    const die = async () => {
      batches += 1;
      if (batches > 2) throw new LockstepError("CACHE_UNAVAILABLE", "The process is killed.");
    };
    const between = { entries: die, unlock: async () => undefined };
    const dying = world.reconciler({ between });
    await expect(dying.reconcile(NAME, { batchSize: 3 })).rejects.toThrow("killed");
    const locks = await world.client.keys("lock:*");
    expect(locks).toHaveLength(9);

    const done = await world
      .reconciler({ between: { waited: expiry(locks) } })
      .reconcile(NAME, { batchSize: 2 });

    expect(done).toMatchObject({
      checked: 3,
      created: 3,
      resumed: true,
      complete: true,
      conflicts: 0,
    });
    for (let id = 1; id <= 9; id += 1)
      expect(await world.versions(id)).toMatchObject({ cached: 1 });
  });

  it("leaves what is locked to the next one where it is stopped while it waits for it", async () => {
    await world.store(...Array.from({ length: 6 }, (_, at) => userOf(at + 1, 1)));
    const lock = `lock:${NAME}:2`;
    await world.client.set(lock, "a dead process's");
    const stop = new AbortController();
    const waited = async () => {
      if ((await world.client.exists("user:6")) === 1) stop.abort();
    };
    const stopped = world.reconciler({ between: { waited } });
    const { signal } = stop;
    await expect(stopped.reconcile(NAME, { batchSize: 2, signal })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await world.client.del(lock);

    const done = await world.reconciler().reconcile(NAME, { batchSize: 2 });
    const again = await world.reconciler().reconcile(NAME, { batchSize: 2 });

    expect(done).toMatchObject({ checked: 1, created: 1, resumed: true, complete: true });
    expect(await world.versions(2)).toMatchObject({ cached: 1 });
    expect(again).toMatchObject({ checked: 6, created: 0, resumed: false });
  });

  it("comes back to what was locked also where it goes only a part of the way", async () => {
    await world.store(...Array.from({ length: 6 }, (_, at) => userOf(at + 1, 1)));
    const lock = `lock:${NAME}:1`;
    await world.client.set(lock, "a dead process's");
    const reconciler = world.reconciler({ between: { waited: expiry([lock]) } });
    const part = { batchSize: 2, maxInstances: 4 };

    const first = await reconciler.reconcile(NAME, part);
    const rest = await reconciler.reconcile(NAME, part);

    expect(first).toMatchObject({ checked: 4, created: 4, conflicts: 0, complete: false });
    expect(rest).toMatchObject({ checked: 2, created: 2, conflicts: 0, complete: true });
  });

  it("ends between two batches when it is cancelled, and begins anew with another force", async () => {
    await world.store(...Array.from({ length: 6 }, (_, at) => userOf(at + 1, 1)));
    const stop = new AbortController();
    const reconciler = world.reconciler();
    const cancelled = reconciler.reconcile(NAME, {
      batchSize: 2,
      signal: stop.signal,
      progress: () => stop.abort(),
    });
    await expect(cancelled).rejects.toMatchObject({ code: "ABORTED" });
    expect(await world.client.keys("user:*")).toHaveLength(2);

    const forced = await reconciler.reconcile(NAME, { force: true });

    expect(forced).toMatchObject({ checked: 6, created: 4, resumed: false, complete: true });
  });

  it("names a document that its collection refuses, and goes on", async () => {
    await world.store(userOf(1, 1), userOf(2, 1));
    await world.cache({ ...userOf(1, 2), name: "refused" }, userOf(2, 2));
    await world.users.db.command({ collMod: "users", validator: { name: { $ne: "refused" } } });

    const done = await world.reconciler().reconcile(NAME);

    expect(done).toMatchObject({ updated: 1, errors: 1, complete: true });
    expect(await world.versions(1)).toEqual({ stored: 1, cached: 2 });
    expect(await world.versions(2)).toEqual({ stored: 2, cached: 2 });
    expect(world.log.messages("error")).toEqual([
      expect.stringMatching(/^Error syncing key user:1 to DB: MongoDB refused .*validation/),
    ]);
  });

  it("does not guess the type of a field that the document does not have", async () => {
    const deletedAt = new Date(0);
    await world.store(userOf(1, 1));
    await world.cache({ ...userOf(1, 2), deletedAt });

    const unsure = await world.reconciler().reconcile(NAME);
    const sure = await world
      .reconciler({ model: { types: { deletedAt: "date" } } })
      .reconcile(NAME);

    expect(unsure).toMatchObject({ updated: 0, errors: 1 });
    expect(world.log.messages("error")[0]).toContain("deletedAt");
    expect(sure).toMatchObject({ updated: 1, errors: 0 });
    expect(await world.users.findOne({ _id: 1 })).toEqual({ ...userOf(1, 2), deletedAt });
  });
});

for (const { name, replicaSet } of [
  { name: "a standalone server", replicaSet: 0 },
  { name: "a replica set", replicaSet: 1 },
] as const) {
  describeWith(["redis", "mongodb"], `a reconciliation on ${name}`, () => {
    const world = useModelWorld(replicaSet);

    it("leaves a newer document that an application writes meanwhile, and follows it", async () => {
      await world.store(userOf(1, 1));
      await world.cache(userOf(1, 2));
      const write = once(() => world.users.replaceOne({ _id: 1 }, userOf(1, 3)));

      const done = await world.reconciler({ between: { document: write } }).reconcile(NAME);

      expect(await world.versions(1)).toEqual({ stored: 3, cached: 3 });
      expect(done).toMatchObject({ updated: 1, conflicts: 0 });
      expect(world.log.messages("info")).not.toContain(`Synced ${NAME} 1 to DB`);
    });

    it(
      "never replaces a newer version, whatever applications and other reconciliations do meanwhile",
      seeded(async (random) => {
        const writers = Array.from({ length: 9 }, (_, at) => new LiveWriter(world, at + 1, random));
        await world.store(...writers.map(({ number }) => userOf(number, 1)));
        for (const { number } of writers)
          if (random.fraction() < 0.5) await world.writeEntry(number, 1);
        const reconcilers = [0, 1].map(() => world.reconciler({ clock: systemClock }));
        const stop = new AbortController();
        const reconciling = reconcilers.map(async (reconciler) => {
          let passes = 0;
          for (; !stop.signal.aborted; passes += 1)
            await reconciler.reconcile(NAME, { batchSize: 7 });
          return passes;
        });

        await Promise.all(writers.map((writer) => writer.write(6)));
        stop.abort();
        await Promise.all(reconciling);

        for (const { number, version } of writers) {
          const { stored, cached = version } = await world.versions(number);
          expect({ number, stored, cached }).toEqual({ number, stored: version, cached: version });
        }
        const last = await world.reconciler().reconcile(NAME);
        expect(last).toMatchObject({ conflicts: 0, errors: 0, complete: true });
        for (const { number, version } of writers)
          expect(await world.versions(number)).toEqual({ stored: version, cached: version });
      }),
    );
  });
}

describeWith(["redis", "mongodb"], "a reconciliation of other encodings", () => {
  const world = useModelWorld(0);

  it("leaves the fields of a hash that are not declared", async () => {
    const model = { encoding: "hash", fields: ["name", "__v"] } as const;
    await world.store(userOf(1, 2), userOf(2, 1), userOf(3, 1));
    await world.client.hset("user:1", { name: "1 v1", __v: "1", visits: "7" });
    await world.client.hset("user:2", { name: "2 v2", __v: "2", visits: "8" });
    await world.client.hset("user:4", { name: "gone", __v: "1", visits: "9" });
    await world.client.expire("user:1", 1_000);

    const done = await world.reconciler({ model }).reconcile(NAME);

    expect(done).toMatchObject({ created: 1, updated: 2, removed: 1, complete: true });
    expect(await world.client.hgetall("user:1")).toEqual({ name: "1 v2", __v: "2", visits: "7" });
    expect(await world.client.ttl("user:1")).toBeGreaterThan(0);
    expect(await world.client.hgetall("user:3")).toEqual({ name: "3 v1", __v: "1" });
    expect(await world.client.hgetall("user:4")).toEqual({ visits: "9" });
    expect(await world.users.findOne({ _id: 2 })).toMatchObject({ name: "2 v2", __v: 2 });
  });

  it("writes a whole hash, and text, as they are declared, and then finds nothing to do", async () => {
    await world.store(userOf(1, 1));
    const hash = world.reconciler({ model: { encoding: "hash", ttlSec: 100 } });

    expect(await hash.reconcile(NAME)).toMatchObject({ created: 1 });
    expect(await world.client.hgetall("user:1")).toEqual({
      _id: "1",
      name: "1 v1",
      updatedAt: "1970-01-01T00:00:01.000Z",
      __v: "1",
    });
    expect(await world.client.ttl("user:1")).toBeGreaterThan(0);
    expect(await hash.reconcile(NAME)).toMatchObject({ created: 0, updated: 0 });

    await world.client.del("user:1");
    const text = world.reconciler({ model: { encoding: "string", fields: ["name"] } });

    expect(await text.reconcile(NAME)).toMatchObject({ created: 1 });
    expect(await world.client.get("user:1")).toBe("1 v1");
    expect(await text.reconcile(NAME)).toMatchObject({ created: 0, updated: 0 });
  });
});

/** Has locks expire when they are ten seconds old, by the clock of a reconciliation that meets them at its start. */
function expiryIn(
  world: ModelWorld,
): (locks: readonly string[]) => (sleptMs: number) => Promise<void> {
  return (locks) => async (sleptMs) => {
    if (sleptMs >= 10_000) await world.client.del(...locks);
  };
}

function once(work: () => Promise<unknown>): () => Promise<void> {
  let hasRun = false;
  return async () => {
    if (hasRun) return;
    hasRun = true;
    await work();
  };
}
