import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
import { describeWith } from "../support/servers/describe-with.ts";

describeWith(["redis", "mongodb"], "models of an application", () => {
  const backends = useBackends();
  const app = useUserApp(backends);

  /** One of each state; what is consistent comes last, so that it is not met first. */
  async function plant(): Promise<void> {
    await app.store(
      app.user(1, 2), // store newer
      app.user(2, 1), // cache newer
      app.user(3, 1), // the same version, other contents
      app.user(4, 1), // neither version nor timestamp in the entry
      app.user(5, 1), // missing
      app.user(6, 1), // not JSON
      app.user(7, 1), // another Redis type
      ...[10, 11, 12].map((number) => app.user(number, 1)),
    );
    await app.cache(
      app.user(1, 1),
      app.user(2, 2),
      app.user(3, 1, { name: "other" }),
      app.user(8, 1), // orphaned
      ...[10, 11, 12].map((number) => app.user(number, 1)),
    );
    const { client } = backends;
    await client.set(app.key(4), JSON.stringify({ _id: app.user(4)._id, name: "who knows when" }));
    await client.set(app.key(6), "{");
    await client.lpush(app.key(7), "not ours");
    await client.set("user:count", "9");
    await client.set(`${app.key(9)}:posts`, "not ours");
  }

  it("are checked exactly, by sample and as a whole", async () => {
    await plant();
    const lockstep = await backends.open(app.variables());

    for (const all of [false, true]) {
      const reply = await lockstep.call("check_cache_consistency", { all });

      expect(reply).toMatchObject({
        models: [
          {
            model: "accounts.User",
            consistent: 3,
            inconsistent: 6,
            missing: 1,
            orphaned: 1,
            inMotion: 0,
            withoutKey: 0,
            missingTimestamps: 1,
            ratio: 0.3,
            interval: { low: expect.closeTo(0.108, 3), high: expect.closeTo(0.603, 3) },
            truncated: false,
          },
        ],
      });
    }
    expect(lockstep.log.messages("warn")).toContain(
      `Missing timestamps for comparison: ${app.key(4)}`,
    );
  });

  it("are reconciled, each as it needs it, and then there is nothing left to do", async () => {
    await plant();
    const lockstep = await backends.open(app.variables());

    const reply = await lockstep.call("reconcile_model", {});

    expect(reply).toMatchObject({ created: 1, updated: 4, removed: 1 });
    expect(reply.models[0]).toMatchObject({
      checked: 11,
      skipped: 2,
      conflicts: 0,
      missingTimestamps: 1,
      otherType: 1,
      undecodable: 0,
      withoutKey: 0,
      lockstepKeys: 0,
      keptOrphans: 0,
      skippedKeys: [
        { key: app.key(4), why: "missingTimestamps" },
        { key: app.key(7), why: "otherType" },
      ],
      truncated: false,
      errors: 0,
      complete: true,
      resumed: false,
    });
    expect(await app.cached(1)).toBe(2);
    // Brought up in the types that the document has.
    expect(await app.stored(2)).toEqual(app.user(2, 2));
    for (const number of [3, 5, 6]) expect(await entry(number)).toEqual(asJson(app.user(number)));
    expect(await entry(4)).toMatchObject({ name: "who knows when" });
    expect(await backends.client.lrange(app.key(7), 0, -1)).toEqual(["not ours"]);
    expect(await backends.client.exists(app.key(8))).toBe(0);
    expect(await backends.client.mget("user:count", `${app.key(9)}:posts`)).toEqual([
      "9",
      "not ours",
    ]);
    expect(await backends.client.keys("lock:*")).toEqual([]);
    expect(lockstep.log.messages("info")).toContain(
      `Synced accounts.User ${app.user(2)._id.toHexString()} to DB`,
    );
    expect(lockstep.log.messages("warn")).toContain(
      `Missing timestamps for comparison: ${app.key(4)}`,
    );

    const again = await lockstep.call("reconcile_model", {});

    expect(again).toMatchObject({ created: 0, updated: 0, removed: 0 });
    expect(again.models[0]).toMatchObject({ skipped: 2, complete: true, resumed: false });
  });

  it("follow the store with force, also where the entry looks newer", async () => {
    await plant();
    const lockstep = await backends.open(app.variables());

    const reply = await lockstep.call("reconcile_model", { force: true });

    expect(reply).toMatchObject({ created: 1, updated: 5, removed: 1, skipped: 1 });
    for (const number of [2, 3, 4, 6])
      expect(await entry(number)).toEqual(asJson(app.user(number)));
    expect(await app.stored(2)).toEqual(app.user(2, 1));
  });

  it("are left as they are by checkOnly, which says what it would do", async () => {
    await plant();
    const still = "3600000";
    const lockstep = await backends.open({
      ...app.variables(),
      LOCKSTEP_OUTBOX_INTERVAL_MS: still,
      LOCKSTEP_HEALTH_INTERVAL_MS: still,
    });
    const before = await everything();

    const watch = await backends.watchWrites();
    const reply = await lockstep.call("reconcile_model", { checkOnly: true, batchSize: 2 });
    const written = await watch.end();

    expect(reply).toMatchObject({ created: 1, updated: 4, removed: 1, skipped: 2 });
    expect(written).toEqual([]);
    expect(await everything()).toEqual(before);
  });

  it("are not confused with Lockstep's own keys of the same form, which are left alone and named", async () => {
    const lockstep = await backends.open(app.variables());
    const { client } = backends;
    // With and without a document; deleted; and two whose meta Redis has evicted.
    for (const number of [1, 2, 3, 4, 5]) {
      const key = app.key(number);
      await lockstep.call("kv_set", { key, value: `value ${number}`, ack: "shadow" });
    }
    await lockstep.call("kv_delete", { key: app.key(3), ack: "shadow" });
    await client.del(`lockstep:m:${app.key(4)}`, `lockstep:m:${app.key(5)}`);
    await app.store(...[2, 3, 5].map((number) => app.user(number)));
    await app.store(app.user(10));
    await app.cache(app.user(10), app.user(11));
    await client.lpush(app.key(12), "another program's");
    const names = [1, 2, 3, 4, 5].map((number) => app.key(number));

    for (const all of [true, false]) {
      const { models } = await lockstep.call("check_cache_consistency", { all });
      expect(models[0]).toMatchObject({
        consistent: 1,
        inconsistent: 1,
        orphaned: 1,
        missing: 0,
        // A sample of entries does not meet a key that is not there.
        lockstepKeys: all ? 5 : 4,
      });
      expect(models[0]!.lockstepKeyNames.toSorted()).toEqual(
        names.filter((key) => all || key !== app.key(3)),
      );
    }
    for (const options of [{ checkOnly: true }, {}, { force: true }]) {
      const { models } = await lockstep.call("reconcile_model", options);
      expect(models[0]).toMatchObject({
        created: 0,
        updated: 0,
        removed: "force" in options ? 0 : 1,
        skipped: 6,
        lockstepKeys: 5,
        otherType: 1,
        complete: true,
      });
      const named = models[0]!.skippedKeys.filter(({ why }) => why === "lockstepKeys");
      expect(named.map(({ key }) => key).toSorted()).toEqual(names);
    }

    for (const number of [1, 2, 4, 5]) {
      const read = await lockstep.call("kv_get", { key: app.key(number) });
      expect(read).toMatchObject({ found: true, value: `value ${number}` });
    }
    expect(await lockstep.call("kv_get", { key: app.key(3) })).toMatchObject({ found: false });
    expect(await client.exists(app.key(3), app.key(11))).toBe(0);
    expect(await lockstep.call("verify_cache_sync", {})).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
    expect(lockstep.log.messages("warn")).toContain(
      "Left alone 5 keys that have the form of accounts.User and are Lockstep's own",
    );
  });

  it("are looked at to the end by checkOnly, which keeps no place, unless it is told a number", async () => {
    await app.store(...Array.from({ length: 1_100 }, (_, at) => app.user(at + 1)));
    const lockstep = await backends.open({ ...app.variables(), LOCKSTEP_RECONCILE_PER_SEC: "0" });

    const all = await lockstep.call("reconcile_model", { checkOnly: true });
    const some = await lockstep.call("reconcile_model", { checkOnly: true, maxInstances: 10 });

    expect(all).toMatchObject({ created: 1_100, complete: true });
    expect(some).toMatchObject({ created: 10, complete: false });
    expect(some.models[0]!.notLookedAt).toContain("checkOnly keeps no place");
  });

  it("are reconciled by the part, and the next call goes on", async () => {
    const users = Array.from({ length: 25 }, (_, at) => app.user(at + 1));
    await app.store(...users);
    const lockstep = await backends.open(app.variables({ ttlSec: 500 }));
    const created: number[] = [];
    for (const last of [false, false, true]) {
      const { models } = await lockstep.call("reconcile_model", { batchSize: 4, maxInstances: 10 });
      created.push(models[0]!.created);
      expect(models[0]!.complete).toBe(last);
    }

    expect(created).toEqual([10, 10, 5]);
    const ttl = await backends.client.ttl(app.key(25));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(500);
  });

  it("say what to set where they are not declared, or where there is no server for them", async () => {
    const none = await backends.open();
    await expect(none.call("list_models")).rejects.toMatchObject({
      code: "MODELS_NOT_CONFIGURED",
      hint: expect.stringContaining("LOCKSTEP_MODELS_FILE"),
    });
    const lockstep = await backends.open({ ...app.variables(), REDIS_URL: "" });

    expect(await lockstep.call("list_models")).toMatchObject({
      models: [{ name: "accounts.User" }],
    });
    await expect(lockstep.call("check_cache_consistency")).rejects.toMatchObject({
      code: "MODELS_NOT_CONFIGURED",
      message: expect.stringContaining("REDIS_URL is not set"),
    });
  });

  async function entry(number: number): Promise<unknown> {
    return JSON.parse((await backends.client.get(app.key(number))) ?? "null");
  }

  /** The application's part of both sides, and the records that Lockstep keeps. */
  async function everything(): Promise<unknown> {
    const { client, database } = backends;
    const keys = (await client.keys("*")).filter((key) => !key.startsWith("lockstep:")).sort();
    const dumps = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
    const users = await app.users.find().sort({ _id: 1 }).toArray();
    const records = await database.collection("lockstep_records").find().toArray();
    return { keys, dumps, users, records };
  }
});

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
