import { describe, expect, it } from "@jest/globals";
import { isIssue } from "../../../src/verify/classify.ts";
import type { CopiesReport } from "../../../src/verify/repairer.ts";
import { setOf } from "../../contract/commands.ts";
import { entryOf, versionAt } from "../../contract/entries.ts";
import { type CacheFirstWorld, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { PLANTS, plantIn } from "../../support/plants.ts";
import { runThrough } from "../../support/run-through.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";

const auto = { strategy: "auto", dryRun: false } as const;

async function openInStep(maxmemoryPolicy = "noeviction") {
  const world = await openCacheFirstWorld({ maxmemoryPolicy });
  const writer = new ScriptedWriter(world, "user:1");
  await writer.run(writer.direct("first"));
  return { ...world, writer };
}

describe("Repairer", () => {
  const mendable = PLANTS.filter(({ copyClass }) => copyClass !== "corrupt");
  it.each(mendable)("mends $copyClass: $what", async (plant) => {
    const world = await openCacheFirstWorld();
    await plantIn(world, plant);

    const { before, after } = await world.repairer.repair("user:1", auto);

    expect(before.copyClass).toBe(plant.copyClass);
    expect(isIssue(after!.copyClass)).toBe(false);
    const again = await world.repairer.repair("user:1", auto);
    expect(again.action).toBe("none");
  });

  it("brings what many callers repair at once to the store together, and a refused key fails its own caller alone", async () => {
    const world = await openCacheFirstWorld();
    const keys = Array.from({ length: 40 }, (_, i) => `user:${i}`);
    for (const key of keys) {
      const writer = new ScriptedWriter(world, key);
      await writer.run(writer.direct("ours"));
    }
    world.database.query("DELETE FROM kvshadow").run();
    world.database
      .query(
        `CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
         WHEN NEW.key = CAST('user:7' AS BLOB) BEGIN SELECT RAISE(ABORT, 'by a rule'); END`,
      )
      .run();
    const bulks: number[] = [];
    world.steered.store.on("applyNewer", async (proceed, [entries]) => {
      bulks.push((entries as readonly unknown[]).length);
      return proceed();
    });

    const repairs = await Promise.allSettled(keys.map((key) => world.repairer.repair(key, auto)));

    const refused = repairs.flatMap((one, at) => (one.status === "rejected" ? [[at, one]] : []));
    expect(refused).toMatchObject([[7, { reason: { code: "DOCUMENT_REFUSED" } }]]);
    for (const key of keys.filter((one) => one !== "user:7"))
      expect((await world.past.store.get(key))?.value).toBe("ours");
    // The first ones go at once, the rest together; what is refused is halved until it stands alone.
    expect(Math.max(...bulks)).toBeGreaterThan(30);
    expect(bulks.length).toBeLessThan(20);
  });

  it("leaves a spoilt row without a copy as it is, and says why", async () => {
    const world = await openCacheFirstWorld();
    await plantIn(world, PLANTS.find(({ copyClass }) => copyClass === "corrupt")!);

    const { action, cause, after } = await world.repairer.repair("user:1", auto);

    expect([action, after?.copyClass]).toEqual(["none", "corrupt"]);
    expect(cause).toContain("does not match its hash");
  });

  it("believes a spoilt row on request, and the row is sound afterwards", async () => {
    const world = await openCacheFirstWorld();
    await plantIn(world, PLANTS.find(({ copyClass }) => copyClass === "corrupt")!);

    const { after } = await world.repairer.repair("user:1", { strategy: "store", dryRun: false });

    expect(after).toMatchObject({ copyClass: "ok", shadow: { value: "edited" } });
  });

  it("changes nothing in a dry run and tells the same plan", async () => {
    for (const plant of PLANTS) {
      const world = await openCacheFirstWorld();
      await plantIn(world, plant);

      const dry = await world.repairer.repair("user:1", { strategy: "auto", dryRun: true });

      const wet = await world.repairer.repair("user:1", auto);
      expect([dry.after, dry.undo]).toEqual([null, null]);
      expect({ ...wet, before: wet.before.copyClass, after: null, undo: null }).toEqual({
        ...dry,
        before: dry.before.copyClass,
      });
    }
  });

  it("touches no key of another type and says so", async () => {
    const { repairer, redis } = await openInStep();
    redis.putOther("user:1", "list");

    for (const strategy of ["auto", "cache", "store", "newest"] as const) {
      const { action, cause } = await repairer.repair("user:1", { strategy, dryRun: false });
      expect(action).toBe("none");
      expect(cause).toContain("another program");
    }
    expect(redis.value("user:1")?.type).toBe("list");
  });

  it("refuses to adopt bytes that are no text", async () => {
    const { repairer, redis } = await openInStep();
    redis.set("user:1", Buffer.from([0xff, 0xfe]));

    await expect(repairer.repair("user:1", auto)).rejects.toMatchObject({ code: "VALUE_NOT_TEXT" });
  });

  it.each([
    ["with", () => undefined],
    ["without", ({ redis }: CacheFirstWorld) => redis.metas.delete("user:1")],
  ])(
    "puts the store's value in the place of bytes that are no text, %s their version",
    async (_, put) => {
      const world = await openInStep();
      world.redis.set("user:1", Buffer.from([0xff, 0xfe]));
      put(world);

      const repaired = world.repairer.repair("user:1", { strategy: "store", dryRun: false });

      expect(await repaired).toMatchObject({
        action: "follow_store",
        after: { copyClass: "ok", cached: { value: { text: "first" } } },
        undo: null,
      });
    },
  );

  it("removes bytes that are no text where the store has nothing", async () => {
    const { repairer, redis } = await openCacheFirstWorld();
    redis.set("user:1", Buffer.from([0xff, 0xfe]));

    const repaired = repairer.repair("user:1", { strategy: "store", dryRun: false });

    expect(await repaired).toMatchObject({ action: "remove", after: { copyClass: "deleted" } });
    expect(redis.value("user:1")).toBeUndefined();
  });

  it("refuses keys that nobody may write", async () => {
    const { repairer } = await openCacheFirstWorld();

    await expect(repairer.repair("lockstep:m:x", auto)).rejects.toMatchObject({
      code: "KEY_RESERVED",
    });
    await expect(repairer.repair("", auto)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("says KEY_IN_MOTION while another holds the lease that a key without meta needs", async () => {
    const { repairer, redis, past } = await openInStep();
    redis.metas.delete("user:1");
    redis.set("user:1", "foreign");
    await past.cache.takeLease("user:1");

    await expect(repairer.repair("user:1", auto)).rejects.toMatchObject({ code: "KEY_IN_MOTION" });
  });

  describe("the TTL that an adopted value gets", () => {
    async function adopted(change: (world: CacheFirstWorld) => void) {
      const world = await openCacheFirstWorld();
      const written = await world.past.cache.write({
        ...commandOf("user:1"),
        ttlMs: 60_000,
      });
      if (written.outcome !== "written") throw new Error("The write was refused.");
      await world.past.store.applyNewer([written.entry], "ASYNC_THREAD");
      await world.past.cache.acknowledge([written.entry]);
      change(world);
      await world.repairer.repair("user:1", auto);
      return (await world.past.store.get("user:1"))?.expiresAtMs;
    }

    it("is none where the other program's SET took it away", async () => {
      expect(await adopted(({ redis }) => redis.set("user:1", "foreign"))).toBeNull();
    });

    it("is the other program's where it set one", async () => {
      const start = Date.UTC(2026, 0, 1);

      const expiresAtMs = await adopted(({ redis }) =>
        redis.set("user:1", "foreign", { ttlMs: 5000 }),
      );

      expect(expiresAtMs).toBe(start + 5000);
    });

    it("is the value's own where the bytes changed under it", async () => {
      const start = Date.UTC(2026, 0, 1);

      const expiresAtMs = await adopted(({ redis }) => {
        redis.append("user:1", " and more");
      });

      expect(expiresAtMs).toBe(start + 60_000);
    });

    it("is none where only the residency has a deadline", async () => {
      const world = await openCacheFirstWorld({ maxmemoryPolicy: "volatile-lru" });
      const writer = new ScriptedWriter(world, "user:1");
      await writer.run(writer.direct("first"));
      const residentMs = world.redis.ttlMs("value", "user:1");
      world.redis.append("user:1", " and more");

      await world.repairer.repair("user:1", auto);

      expect(residentMs).not.toBeNull();
      expect(await world.past.store.get("user:1")).toMatchObject({
        value: "first and more",
        expiresAtMs: null,
      });
    });
  });

  describe("undo", () => {
    it("brings back what a removal took away", async () => {
      const { repairer, redis } = await openInStep();
      redis.del("user:1");

      const { action, undo } = await repairer.repair("user:1", auto);

      expect(action).toBe("remove");
      expect(undo).toEqual({ value: "first", ttlMs: null, condition: { kind: "absent" } });
    });

    it("brings back the stored value that the cached one replaced", async () => {
      const { repairer, redis } = await openInStep();
      redis.set("user:1", "foreign");

      const { action, undo, after } = await repairer.repair("user:1", auto);

      expect([action, undo]).toEqual([
        "follow_cache",
        { value: "first", ttlMs: null, condition: versionOf(after) },
      ]);
    });

    it("brings back the cached value that the stored one replaced", async () => {
      const { repairer, redis } = await openInStep();
      redis.set("user:1", "foreign");

      const { action, undo, after } = await repairer.repair("user:1", {
        strategy: "store",
        dryRun: false,
      });

      expect([action, undo]).toEqual([
        "follow_store",
        { value: "foreign", ttlMs: null, condition: versionOf(after) },
      ]);
    });

    it("brings back a write that only the outbox held", async () => {
      const world = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
      const overdue = versionAt(world.clock.nowMs() - 60_000);
      const event = entryOf({ key: "user:1", version: overdue, value: "in the outbox" });
      await world.past.outbox.append([event]);
      const wanted = { strategy: "cache", dryRun: false } as const;

      const { action, undo } = await runThrough(
        world.clock,
        world.repairer.repair("user:1", wanted),
      );

      expect([action, undo?.value]).toEqual(["remove", "in the outbox"]);
    });

    it("brings back the deadline of a value that stays the same", async () => {
      const { repairer, database, clock } = await openInStep();
      database.query(`UPDATE kvshadow SET expires_at = ${clock.nowMs() + 60_000}`).run();

      const { action, undo, after } = await repairer.repair("user:1", auto);

      expect([action, after?.shadow?.expiresAtMs]).toEqual(["follow_cache", null]);
      expect(undo).toEqual({ value: "first", ttlMs: 60_000, condition: versionOf(after) });
    });

    it.each([
      ["replaced", (world: CacheFirstWorld) => world.redis.set("user:1", "foreign")],
      ["removed", (world: CacheFirstWorld) => world.redis.del("user:1")],
    ])("of what was %s does nothing once the key has been written again", async (_, change) => {
      const world = await openInStep();
      change(world);
      const { undo } = await world.repairer.repair("user:1", auto);
      await world.writer.run(new ScriptedWriter(world, "user:1").direct("live"));
      const { value, ttlMs, condition } = undo!;

      const undone = await world.past.cache.write(setOf({ value, ttlMs, condition }));

      expect(undone).toMatchObject({ outcome: "conflict" });
      expect(world.redis.value("user:1")?.bytes.toString()).toBe("live");
    });

    it("is nothing where nothing was taken", async () => {
      const { repairer, database } = await openInStep();
      database.query("DELETE FROM kvshadow").run();

      expect(await repairer.repair("user:1", auto)).toMatchObject({
        action: "project",
        undo: null,
      });
    });

    const outdated = [
      ["the cached value", "stale", ["auto", "store", "newest"]],
      ["the stored value", "missing", ["auto", "cache", "newest"]],
    ] as const;
    it.each(outdated)("is nothing where %s was older than the one that stays", async (...row) => {
      const [, copyClass, strategies] = row;
      for (const strategy of strategies) {
        const world = await openInStep();
        if (copyClass === "missing") await goBack(world, "row");
        else await goBack(world, "copy");

        const { before, undo } = await world.repairer.repair("user:1", { strategy, dryRun: false });

        expect({ strategy, before: before.copyClass, undo }).toEqual({
          strategy,
          before: copyClass,
          undo: null,
        });
        expect((await world.past.store.get("user:1"))?.value).toBe("later");
      }
    });
  });
});

/** A later write, of which one side has forgotten. */
async function goBack(
  { redis, database, writer }: Awaited<ReturnType<typeof openInStep>>,
  side: "row" | "copy",
): Promise<void> {
  const copies = [redis.values.get("user:1")!, redis.metas.get("user:1")!] as const;
  const { version, hash } = database.query("SELECT version, hash FROM kvshadow").get() as {
    readonly version: string;
    readonly hash: string;
  };
  await writer.run(writer.direct("later"));
  if (side === "copy") {
    redis.values.set("user:1", copies[0]);
    redis.metas.set("user:1", copies[1]);
    return;
  }
  const update = "UPDATE kvshadow SET version = ?, hash = ?, value = CAST('first' AS BLOB)";
  database.query(update).run(version, hash);
}

function versionOf(report: CopiesReport | null) {
  return { kind: "version", version: report?.shadow?.version };
}

function commandOf(key: string) {
  const { value, hash, sessionId, interactionId } = entryOf({ key, value: "first" });
  return { op: "set", key, value: value!, hash, ttlMs: null, sessionId, interactionId } as const;
}
