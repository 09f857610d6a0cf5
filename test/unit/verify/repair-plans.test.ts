import { describe, expect, it } from "@jest/globals";
import type { CachePage } from "../../../src/cache/cache-port.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { NewRecord } from "../../../src/store/records-port.ts";
import { isIssue } from "../../../src/verify/classify.ts";
import { PLAN_ITEMS_MAX } from "../../../src/verify/plan-draft.ts";
import type { KeptItem, PlanState } from "../../../src/verify/plan-journal.ts";
import { PLAN_LIFE_MS } from "../../../src/verify/repair-planner.ts";
import { setOf } from "../../contract/commands.ts";
import {
  openRepairPlansWorld,
  type RepairPlansWorld,
  UNDO_RETENTION_MS,
} from "../../support/repair-plans-world.ts";

/** Kinds of drift whose repair takes something away, and two whose repair does not. */
const DRIFTS: Readonly<Record<string, (world: RepairPlansWorld, key: string) => unknown>> = {
  changed: ({ redis }, key) => redis.set(key, "theirs"),
  removed: ({ redis }, key) => redis.del(key),
  stale: async (world, key) => {
    const { redis } = world;
    const value = redis.values.get(key)!;
    const meta = redis.metas.get(key)!;
    await world.write(key, "stored");
    redis.values.set(key, value);
    redis.metas.set(key, meta);
  },
  missing: (world, key) => removeRow(world, key),
};
const KEYS = Object.keys(DRIFTS);
const MENDED: Readonly<Record<string, string | null>> = {
  changed: "theirs",
  removed: null,
  stale: "stored",
  missing: "ours",
};
const UNDONE: Readonly<Record<string, string | null>> = {
  changed: "ours",
  removed: "ours",
  stale: "stored",
  missing: "ours",
};
/** Those of which the repair takes something away. */
const TAKEN = ["changed", "removed"];

async function openDrifted(options: Parameters<typeof openRepairPlansWorld>[0] = {}) {
  const world = await openRepairPlansWorld(options);
  for (const key of KEYS) {
    await world.write(key);
    await DRIFTS[key]!(world, key);
  }
  return world;
}

async function planned(world: RepairPlansWorld): Promise<string> {
  const { planId } = await world.planner.plan({ strategy: "auto" });
  if (planId === null) throw new Error("Nothing was planned.");
  return planId;
}

/** More than fit into two pages. */
const MANY = 300;

async function openManyDrifted() {
  const world = await openRepairPlansWorld();
  for (let i = 0; i < MANY; i += 1) {
    await world.write(`user:${i}`);
    world.redis.set(`user:${i}`, "theirs");
  }
  return world;
}

async function pagesOf({ kept }: RepairPlansWorld): Promise<readonly (readonly KeptItem[])[]> {
  const pages = await kept.list("repair_page", { limit: 100 });
  return pages.map(({ body }) => body["items"] as readonly KeptItem[]);
}

function removeRow({ database }: RepairPlansWorld, key: string): void {
  database.query("DELETE FROM kvshadow WHERE key = ?").run(Buffer.from(key));
}

async function valuesIn(world: RepairPlansWorld) {
  const values: Record<string, string | null> = {};
  for (const key of KEYS) values[key] = await world.read(key);
  return values;
}

describe("a repair plan", () => {
  it("says what it would do to each drifted key, and changes none", async () => {
    const world = await openDrifted();
    await world.write("fine");
    const before = JSON.stringify([...world.redis.values, ...world.redis.metas]);

    const plan = await world.planner.plan({ strategy: "auto" });

    expect(plan).toMatchObject({
      repairs: 4,
      keysChecked: 5,
      byClass: { changed_outside: 1, removed_outside: 1, stale: 1, missing: 1 },
      byAction: { follow_cache: 1, remove: 1, drop_copy: 1, project: 1 },
      truncated: false,
      expiresAtMs: world.clock.nowMs() + PLAN_LIFE_MS,
    });
    expect(JSON.stringify([...world.redis.values, ...world.redis.metas])).toBe(before);
    expect(
      world.calls.filter((call) => /write|apply|drop|fill|stamp|append|mark/.test(call)),
    ).toEqual([]);
  });

  it("is not kept where there is nothing to repair", async () => {
    const world = await openRepairPlansWorld();
    await world.write("fine");

    expect(await world.planner.plan({ strategy: "auto" })).toMatchObject({
      planId: null,
      digest: null,
      repairs: 0,
    });
    expect(world.calls.filter((call) => call.startsWith("records."))).toEqual([]);
  });

  it("has the same digest while nothing changes, and another once something has", async () => {
    const world = await openDrifted();
    const digest = async () => (await world.planner.plan({ strategy: "auto" })).digest;

    const [first, second] = [await digest(), await digest()];
    world.redis.set("changed", "theirs, later");

    expect(second).toBe(first);
    expect(await digest()).not.toBe(first);
  });

  it("leaves out what is no drift: cold keys, other programs' values, writes on their way", async () => {
    const world = await openRepairPlansWorld();
    await world.write("cold");
    world.redis.del("cold");
    world.redis.metas.delete("cold");
    world.redis.set("unmanaged", "theirs");
    await world.past.cache.write(setOf({ key: "pending", value: "ours" }));

    expect(await world.planner.plan({ strategy: "cache" })).toMatchObject({ repairs: 0, keys: [] });
  });

  it("counts drift that it can do nothing about, and does not plan for it", async () => {
    const world = await openRepairPlansWorld();
    await world.write("spoilt");
    world.redis.del("spoilt");
    world.redis.metas.delete("spoilt");
    world.database.query("UPDATE kvshadow SET value = CAST('edited' AS BLOB)").run();

    expect(await world.planner.plan({ strategy: "auto" })).toMatchObject({
      planId: null,
      byClass: { corrupt: 1 },
      byAction: { none: 1 },
      keys: [{ key: "spoilt", copyClass: "corrupt", action: "none" }],
    });
  });

  it("ends when it is full and says that there is more", async () => {
    const world = await openRepairPlansWorld();
    for (let i = 0; i < PLAN_ITEMS_MAX + 5; i += 1) {
      await world.write(`user:${i}`);
      world.redis.set(`user:${i}`, "theirs");
    }

    const plan = await world.planner.plan({ strategy: "auto" });

    expect(plan).toMatchObject({ repairs: PLAN_ITEMS_MAX, truncated: true });
    expect(plan.keys).toHaveLength(100);
    await world.apply(plan.planId!);
    expect(await world.planner.plan({ strategy: "auto" })).toMatchObject({
      repairs: 5,
      truncated: false,
    });
  });

  it("goes past any number of keys that it can do nothing about to one that it can mend", async () => {
    const world = await openRepairPlansWorld();
    for (let i = 0; i < PLAN_ITEMS_MAX + 100; i += 1) {
      await world.write(`bad:${i}`);
      if (i % 2 === 0) world.redis.putOther(`bad:${i}`, "hash");
      else world.redis.set(`bad:${i}`, Buffer.from([0xff, 0xfe]));
    }
    await world.write("good:1");
    world.redis.set("good:1", "theirs");

    const plan = await world.planner.plan({ strategy: "auto" });

    expect(plan).toMatchObject({
      repairs: 1,
      keysChecked: PLAN_ITEMS_MAX + 101,
      byClass: { changed_outside: PLAN_ITEMS_MAX + 101 },
      byAction: { none: PLAN_ITEMS_MAX + 100, follow_cache: 1 },
      truncated: true,
    });
    // What it mends is named first.
    expect(plan.keys).toHaveLength(100);
    expect(plan.keys[0]).toMatchObject({ key: "good:1", action: "follow_cache" });
    expect(await world.apply(plan.planId!)).toMatchObject({ applied: 1, failed: 0 });
  });

  it("has a key once that the cache names twice", async () => {
    const world = await openRepairPlansWorld();
    for (let i = 0; i < 3; i += 1) {
      await world.write(`user:${i}`);
      removeRow(world, `user:${i}`);
    }
    world.steered.cache.on("scan", async (proceed, [page]) => {
      const { cursor } = page as { readonly cursor?: string };
      if (cursor !== undefined) return world.past.cache.scan({ limit: 1000 });
      return { ...((await proceed()) as CachePage), cursor: "once more" };
    });

    const plan = await world.planner.plan({ strategy: "auto" });

    expect(plan).toMatchObject({ repairs: 3, byAction: { project: 3 }, truncated: false });
    expect(plan.keys).toHaveLength(3);
    expect((await pagesOf(world)).flat()).toHaveLength(3);
  });

  it("can be cancelled while it looks", async () => {
    const world = await openDrifted();

    const plan = world.planner.plan({ strategy: "auto", signal: AbortSignal.abort() });

    await expect(plan).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("applying a plan", () => {
  it("mends each key, and the undo brings back what that took away", async () => {
    const world = await openDrifted();
    const planId = await planned(world);

    expect(await world.apply(planId)).toMatchObject({ applied: 4, moved: 0, failed: 0 });
    expect(await valuesIn(world)).toEqual(MENDED);

    expect(await world.undo(planId)).toMatchObject({ restored: 2, moved: 0, nothing: 2 });
    expect(await valuesIn(world)).toEqual(UNDONE);
  });

  it.each(KEYS)("leaves the key %s alone that was written after the plan", async (key) => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.write(key, "live");

    const report = await world.apply(planId);

    expect(report).toMatchObject({ applied: 3, moved: 1, movedKeys: [key] });
    expect(await valuesIn(world)).toEqual({ ...MENDED, [key]: "live" });
    await world.undo(planId);
    expect(await valuesIn(world)).toEqual({ ...UNDONE, [key]: "live" });
  });

  it("leaves alone what another program has changed once more, in the cache or in the row", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    world.redis.set("changed", "theirs, later");
    world.database
      .query("UPDATE kvshadow SET value = CAST('edited' AS BLOB) WHERE key = ?")
      .run(Buffer.from("stale"));

    const report = await world.apply(planId);

    expect(report).toMatchObject({ applied: 2, moved: 2 });
    expect([...report.movedKeys].sort()).toEqual(["changed", "stale"]);
    expect(world.redis.value("changed")?.bytes.toString()).toBe("theirs, later");
  });

  it("is done once", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.apply(planId);

    await expect(world.apply(planId)).rejects.toMatchObject({ code: "PLAN_REFUSED" });
    await world.undo(planId);
    await expect(world.apply(planId)).rejects.toMatchObject({ code: "PLAN_REFUSED" });
  });

  it("needs a plan that is there and not too old", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.clock.advance(PLAN_LIFE_MS);

    await expect(world.apply(planId)).rejects.toMatchObject({ code: "PLAN_NOT_FOUND" });
    await expect(world.apply("no plan")).rejects.toMatchObject({ code: "PLAN_NOT_FOUND" });
    await expect(world.undo("no plan")).rejects.toMatchObject({ code: "PLAN_NOT_FOUND" });
  });

  it("puts the store's values in the place of bytes that are no text, where that is asked", async () => {
    const world = await openDrifted();
    world.redis.set("changed", Buffer.from([0xff, 0xfe]));
    const { planId } = await world.planner.plan({ strategy: "store" });

    expect(await world.apply(planId!)).toMatchObject({ applied: 4, failed: 0 });

    expect(await world.read("changed")).toBe("ours");
  });

  it("waits for the reader who holds the fill lease of a key without version", async () => {
    const world = await openRepairPlansWorld();
    await world.write("bare");
    world.redis.metas.delete("bare");
    world.redis.set("bare", "theirs");
    const planId = await planned(world);
    await world.past.cache.takeLease("bare");

    expect(await world.apply(planId)).toMatchObject({
      applied: 1,
      moved: 0,
    });
  });

  it("goes on with the other keys when one of them cannot be repaired", async () => {
    const world = await openDrifted();
    world.database
      .query(
        `CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
         WHEN NEW.key = CAST('missing' AS BLOB) BEGIN SELECT RAISE(ABORT, 'by a rule'); END`,
      )
      .run();
    const planId = await planned(world);

    const report = await world.apply(planId);

    expect(report).toMatchObject({ applied: 3, failed: 1, failedKeys: [{ key: "missing" }] });
    expect(report.failedKeys[0]!.why).toContain("by a rule");
  });

  it("stops when it is cancelled, and goes on when it is called again", async () => {
    const world = await openManyDrifted();
    const planId = await planned(world);
    const running = new AbortController();
    const seen: number[] = [];

    const cut = world.apply(planId, {
      signal: running.signal,
      progress: (done) => {
        seen.push(done);
        running.abort();
      },
    });

    await expect(cut).rejects.toMatchObject({ code: "ABORTED" });
    expect(seen.at(-1)).toBeLessThan(MANY);
    expect(await world.apply(planId)).toMatchObject({ applied: MANY, moved: 0 });
  });

  it("is shared by two processes that do it at once", async () => {
    const world = await openDrifted();
    const other = await openRepairPlansWorld({ on: world });
    const planId = await planned(world);

    const [one, two] = await Promise.all([world.apply(planId), other.apply(planId)]);

    expect([one, two]).toMatchObject([
      { applied: 4, moved: 0 },
      { applied: 4, moved: 0 },
    ]);
    expect(await valuesIn(world)).toEqual(MENDED);
    await world.undo(planId);
    expect(await valuesIn(world)).toEqual(UNDONE);
  });
});

describe("the keys of one page", () => {
  it("come to their own ends: one that moved and one that is refused cost the others nothing", async () => {
    const world = await openRepairPlansWorld();
    const good = Array.from({ length: 20 }, (_, i) => `good:${i}`);
    for (const key of [...good, "moved", "refused", "edited"]) await world.write(key);
    for (const key of [...good, "moved", "refused"]) removeRow(world, key);
    world.redis.set("edited", "theirs");
    world.database
      .query(
        `CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
         WHEN NEW.key = CAST('refused' AS BLOB) BEGIN SELECT RAISE(ABORT, 'by a rule'); END`,
      )
      .run();
    const planId = await planned(world);
    await world.write("moved", "live");

    const report = await world.apply(planId);

    expect(report).toMatchObject({
      applied: 21,
      moved: 1,
      failed: 1,
      movedKeys: ["moved"],
      failedKeys: [{ key: "refused", why: expect.stringContaining("by a rule") }],
    });
    for (const key of good) expect((await world.past.store.get(key))?.value).toBe("ours");
    expect(await world.past.store.get("refused")).toBeUndefined();
    expect((await world.past.store.get("moved"))?.value).toBe("live");
    expect((await world.past.store.get("edited"))?.value).toBe("theirs");
  });

  it("ask each side a few times, however many they are", async () => {
    const world = await openRepairPlansWorld();
    for (let i = 0; i < 100; i += 1) {
      await world.write(`user:${i}`);
      removeRow(world, `user:${i}`);
    }
    const planId = await planned(world);
    world.calls.length = 0;

    expect(await world.apply(planId)).toMatchObject({ applied: 100 });

    const times: Record<string, number> = {};
    for (const call of world.calls) times[call] = (times[call] ?? 0) + 1;
    // Looked at and looked at again; noted before and after, as the plan's own state is.
    expect(times).toMatchObject({
      "cache.observe": 2,
      "store.getEach": 1,
      "outbox.unprocessedOf": 2,
      "records.replace": 4,
    });
    // Whoever comes first goes at once.
    expect(times["store.applyNewer"]).toBeLessThanOrEqual(3);
    expect(times["cache.acknowledge"]).toBeLessThanOrEqual(3);
  });

  it("are few where their values are large", async () => {
    const world = await openRepairPlansWorld();
    for (let i = 0; i < 5; i += 1) {
      await world.write(`large:${i}`, "x".repeat(900_000));
      removeRow(world, `large:${i}`);
    }

    const planId = await planned(world);

    expect((await pagesOf(world)).map(({ length }) => length)).toEqual([1, 2, 2]);
    expect(await world.apply(planId)).toMatchObject({ applied: 5 });
  });

  it("are left alone where what would be taken away is too large to be kept, and the others mended", async () => {
    const world = await openDrifted();
    await world.write("huge", "x".repeat(2_100_000));
    world.redis.set("huge", "theirs");
    const planId = await planned(world);
    world.steeredRecords.on("replace", async (proceed, [record]) => {
      if (JSON.stringify((record as NewRecord).body).length < 2_000_000) return proceed();
      throw new LockstepError("DOCUMENT_REFUSED", "It is too large.");
    });

    const report = await world.apply(planId);

    expect(report).toMatchObject({
      applied: 4,
      failed: 1,
      failedKeys: [{ key: "huge", why: "It is too large." }],
    });
    expect((await world.past.store.get("huge"))?.value).toHaveLength(2_100_000);
    expect(await valuesIn(world)).toEqual(MENDED);
  });

  it("are each repaired once where two processes take on several pages at once", async () => {
    const world = await openManyDrifted();
    const other = await openRepairPlansWorld({ on: world });
    const planId = await planned(world);

    const both = await Promise.all([world.apply(planId), other.apply(planId)]);

    expect(both).toMatchObject([
      { applied: MANY, moved: 0 },
      { applied: MANY, moved: 0 },
    ]);
    const kept = (await pagesOf(world)).flat();
    expect(kept).toHaveLength(MANY);
    // A second write would have another version than the one that was noted, and have taken the first one's value away.
    for (const { key, version, taken } of kept) {
      expect((await world.past.store.get(key))?.version).toBe(version);
      expect(taken?.value).toBe("ours");
    }
  });

  it("keep what was done when the store goes away amid their steps", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    world.steered.store.on("applyNewer", async (proceed, [entries]) => {
      if ((entries as readonly { readonly key: string }[]).some(({ key }) => key === "missing"))
        throw new LockstepError("STORE_UNAVAILABLE", "The store is away.");
      return proceed();
    });

    await expect(world.apply(planId)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    const states = new Map((await pagesOf(world)).flat().map(({ key, state }) => [key, state]));
    expect(Object.fromEntries(states)).toEqual({
      changed: "applied",
      removed: "applied",
      stale: "applied",
      missing: "begun",
    });
    world.steered.store.on("applyNewer", undefined);
    expect(await world.apply(planId)).toMatchObject({ applied: 4, moved: 0 });
    expect(await valuesIn(world)).toEqual(MENDED);
  });
});

describe("undoing a plan", () => {
  it.each(KEYS)("leaves the key %s alone that was written after the repair", async (key) => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.apply(planId);
    await world.write(key, "live");

    const report = await world.undo(planId);

    const taken = TAKEN.includes(key) ? 1 : 0;
    expect(report).toMatchObject({ restored: 2 - taken, moved: taken });
    expect(await valuesIn(world)).toEqual({ ...UNDONE, [key]: "live" });
  });

  it("leaves alone what another program has changed or removed since", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.apply(planId);
    world.redis.set("changed", "theirs, later");
    world.redis.set("removed", "theirs, later");

    const report = await world.undo(planId);

    expect(report).toMatchObject({ restored: 0, moved: 2 });
    expect([...report.movedKeys].sort()).toEqual(["changed", "removed"]);
  });

  it("is refused before anything was applied, and repeated it does nothing more", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    await expect(world.undo(planId)).rejects.toMatchObject({ code: "PLAN_REFUSED" });
    await world.apply(planId);
    const first = await world.undo(planId);
    await world.write("changed", "live");

    const again = await world.undo(planId);

    expect({ ...again, tookMs: 0 }).toEqual({ ...first, tookMs: 0 });
    expect(await world.read("changed")).toBe("live");
  });

  it("gives the value what is left of its own time, and does not bring it back after that", async () => {
    const world = await openRepairPlansWorld();
    const start = world.clock.nowMs();
    for (const [key, ttlMs] of [
      ["short", 60_000],
      ["long", 600_000],
    ] as const) {
      const command = setOf({ key, value: "ours", ttlMs });
      const written = await world.past.cache.write(command);
      if (written.outcome !== "written") throw new Error("The write was refused.");
      await world.past.store.applyNewer([written.entry], "ASYNC_THREAD");
      await world.past.cache.acknowledge([written.entry]);
      world.redis.set(key, "theirs");
    }
    const planId = await planned(world);
    await world.apply(planId);
    await world.clock.advance(120_000);

    expect(await world.undo(planId)).toMatchObject({ restored: 1, nothing: 1 });
    expect((await world.past.store.get("long"))?.expiresAtMs).toBe(start + 600_000);
    expect(await world.read("short")).toBe("theirs");
  });

  it("gives a value back the deadline that alone was replaced", async () => {
    const world = await openRepairPlansWorld();
    await world.write("user:1");
    const expiresAtMs = world.clock.nowMs() + 60_000;
    world.database.query(`UPDATE kvshadow SET expires_at = ${expiresAtMs}`).run();
    const planId = await planned(world);
    await world.apply(planId);
    expect(await world.past.store.get("user:1")).toMatchObject({ expiresAtMs: null });

    expect(await world.undo(planId)).toMatchObject({ restored: 1, nothing: 0 });

    expect(await world.past.store.get("user:1")).toMatchObject({ value: "ours", expiresAtMs });
  });

  it("is possible until the retention is over", async () => {
    const world = await openDrifted();
    const planId = await planned(world);
    await world.clock.advance(PLAN_LIFE_MS - 60_000);
    await world.apply(planId);
    await world.clock.advance(UNDO_RETENTION_MS - 60_000);
    expect(await world.undo(planId)).toMatchObject({ restored: 2 });
    await world.clock.advance(60_000);

    await expect(world.undo(planId)).rejects.toMatchObject({ code: "PLAN_NOT_FOUND" });
  });

  it("is kept for so many keys over all plans, the newest plans first", async () => {
    const world = await openRepairPlansWorld({ undoKeysMax: 8 });
    const plans: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 3; i += 1) {
        await world.write(`user:${i}`, `ours ${round}`);
        world.redis.set(`user:${i}`, `theirs ${round}`);
      }
      plans.push(await planned(world));
      await world.apply(plans.at(-1)!);
      await world.clock.advance(1);
    }

    expect(await pagesOf(world)).toHaveLength(2);
    await expect(world.undo(plans[1]!)).rejects.toMatchObject({ code: "PLAN_NOT_FOUND" });
    expect(await world.undo(plans[3]!)).toMatchObject({ restored: 3 });
  });
});

describe("the room for plans", () => {
  /** A plan for three keys, changed by another program. */
  async function plan(world: RepairPlansWorld, name: string) {
    for (let i = 0; i < 3; i += 1) {
      await world.write(`${name}:${i}`);
      world.redis.set(`${name}:${i}`, "theirs");
    }
    const planId = await planned(world);
    await world.clock.advance(1);
    return planId;
  }
  /** A plan that some process has begun to work on. */
  async function begin(world: RepairPlansWorld, state: PlanState) {
    const planId = await plan(world, state);
    const record = (await world.kept.get("repair_plan", planId))!;
    const expiresAtMs = world.clock.nowMs() + UNDO_RETENTION_MS;
    const body = { ...record.body, state, expiresAtMs };
    await world.kept.replace({ ...record, expiresAtMs, body }, record.revision);
    return planId;
  }
  const isKept = async (world: RepairPlansWorld, planId: string) =>
    (await world.kept.get("repair_plan", planId)) !== undefined;

  it("leaves an undo alone, however many plans are made and not applied", async () => {
    const world = await openRepairPlansWorld({ undoKeysMax: 8 });
    const applied = await plan(world, "first");
    await world.apply(applied);
    const made = [await plan(world, "second")];
    while (made.length < 12) {
      made.push(await planned(world));
      await world.clock.advance(1);
    }

    const kept = await Promise.all(made.map((planId) => isKept(world, planId)));

    expect(kept).toEqual(made.map((_, at) => at >= 10));
    // As many pages as plans.
    expect(await pagesOf(world)).toHaveLength(3);
    expect(await world.undo(applied)).toMatchObject({ restored: 3 });
  });

  it("drops no plan that is being applied or undone, until its time is over", async () => {
    const world = await openRepairPlansWorld({ undoKeysMax: 8 });
    const [applying, undoing] = [await begin(world, "applying"), await begin(world, "undoing")];
    const applied: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      applied.push(await plan(world, `later${round}`));
      await world.apply(applied.at(-1)!);
    }

    expect(await isKept(world, applying)).toBe(true);
    expect(await isKept(world, undoing)).toBe(true);
    expect(await isKept(world, applied[0]!)).toBe(false);
    expect(await isKept(world, applied[3]!)).toBe(true);
    await world.clock.advance(UNDO_RETENTION_MS);
    expect(await isKept(world, applying)).toBe(false);
    expect(await isKept(world, undoing)).toBe(false);
  });

  it("is not made at the cost of a plan that another process begins in that moment", async () => {
    const world = await openRepairPlansWorld({ undoKeysMax: 3 });
    const other = await openRepairPlansWorld({ on: world });
    const begun = await plan(world, "first");
    let apply: Promise<unknown> | undefined;
    world.steeredRecords.on("list", async (proceed, [kind]) => {
      const listed = await proceed();
      if (kind === "repair_plan" && apply === undefined) {
        apply = other.apply(begun);
        await apply;
      }
      return listed;
    });

    await planned(world);

    expect(await apply).toMatchObject({ applied: 3 });
    expect(await world.undo(begun)).toMatchObject({ restored: 3 });
  });
});

/** The process makes so many calls to its backends, and no more; the last one is made or not, and not answered. */
function dieAfter(world: RepairPlansWorld, calls: number, isLastMade: boolean) {
  let left = calls;
  const state = { isDead: false };
  const { cache, store, outbox } = world.steered;
  for (const steered of [cache, store, outbox, world.steeredRecords]) {
    steered.onEvery(async (proceed) => {
      left -= 1;
      if (left > 0) return proceed();
      state.isDead = true;
      if (left === 0 && isLastMade) await proceed();
      return new Promise(() => undefined);
    });
  }
  return state;
}

describe.each([
  ["before its last call is answered", true],
  ["before its last call is made", false],
])("a process that dies %s", (_, isLastMade) => {
  it("in the middle of applying a plan loses no undo, whichever call that was", async () => {
    for (let calls = 1, hasDied = true; hasDied; calls += 1) {
      const world = await openDrifted();
      const planId = await planned(world);
      const dying = await openRepairPlansWorld({ on: world });
      const state = dieAfter(dying, calls, isLastMade);
      void dying.applier.apply(planId);
      await world.clock.advance(5_000);
      hasDied = state.isDead;
      const [kept] = await world.kept.list("repair_plan", { limit: 1 });
      if (!hasDied || kept?.body.state === "planned") continue;

      // Now another goes on, now it undoes at once.
      const goesOn = calls % 2 === 0 && kept?.body.state === "applying";
      const resumed = goesOn ? await world.apply(planId) : { applied: 4, moved: 0 };
      expect({ calls, ...resumed }).toMatchObject({ calls, applied: 4, moved: 0 });
      await world.undo(planId);
      const left = await valuesIn(world);
      for (const key of KEYS) {
        const { copyClass } = (await world.looker.inspect(key)).verdict;
        // Either it is as before the plan, drift and all, or what the repair took away is back.
        const value = isIssue(copyClass) ? UNDONE[key] : left[key];
        expect({ calls, key, value }).toEqual({ calls, key, value: UNDONE[key] });
      }
    }
  });

  it("in the middle of undoing a plan leaves the rest to the next call, whichever call that was", async () => {
    for (let calls = 1, hasDied = true; hasDied; calls += 1) {
      const world = await openDrifted();
      const planId = await planned(world);
      await world.apply(planId);
      const dying = await openRepairPlansWorld({ on: world });
      const state = dieAfter(dying, calls, isLastMade);
      void dying.undoer.undo(planId);
      await world.clock.advance(5_000);
      hasDied = state.isDead;

      const undone = await world.undo(planId);

      expect({ calls, ...undone }).toMatchObject({ calls, restored: 2, moved: 0 });
      expect(await valuesIn(world)).toEqual(UNDONE);
    }
  });
});
