import { describe, expect, it } from "@jest/globals";
import { isIssue } from "../../../src/verify/classify.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { confirmed, lookerWith, steerReads } from "../../support/looking.ts";
import { PLANTS, plantIn } from "../../support/plants.ts";
import { ScriptedWriter, type Step } from "../../support/scripted-writer.ts";

describe("Looker, with something planted", () => {
  it.each(PLANTS)("finds $copyClass: $what", async (plant) => {
    const world = await openCacheFirstWorld();
    await plantIn(world, plant);

    const one = await world.looker.inspect("user:1");
    const many = await confirmed(world.looker, world.looker.sweepKeys(["user:1"], "contents"));

    const { copyClass } = plant;
    expect([one.verdict.copyClass, many.get("user:1")]).toEqual([copyClass, copyClass]);
  });

  it.each(PLANTS)("finds $copyClass while a neighbour is being written: $what", async (plant) => {
    const world = await openCacheFirstWorld();
    await plantIn(world, plant);
    const neighbour = new ScriptedWriter(world, "user:2");
    steerReads(world, async (proceed) => {
      await neighbour.run(neighbour.direct("again"));
      return proceed();
    });

    const found = await confirmed(
      world.looker,
      world.looker.sweepKeys(["user:2", "user:1"], "contents"),
    );

    expect(found.get("user:1")).toBe(plant.copyClass);
    expect(isIssue(found.get("user:2")!)).toBe(false);
  });

  it("finds a list in the place of our value", async () => {
    const world = await openCacheFirstWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    world.redis.putOther("user:1", "list");

    const { verdict } = await world.looker.inspect("user:1");

    expect(verdict.copyClass).toBe("changed_outside");
  });
});

describe("Looker", () => {
  it("reads cache, events and shadow in this order, and the first two again where it suspects an issue", async () => {
    const world = await openCacheFirstWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    await world.looker.inspect("user:1");
    const settled = world.calls.splice(0);
    world.redis.set("user:1", "foreign");

    await world.looker.inspect("user:1");

    const once = ["cache.observe", "outbox.unprocessedOf", "store.get"];
    expect(settled).toEqual(once);
    expect(world.calls).toEqual([...once, "outbox.unprocessedOf", "cache.observe"]);
  });

  it("takes an event that was not there before for motion, though the cache has not changed", async () => {
    const world = await openCacheFirstWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    world.redis.set("user:1", "foreign");
    world.steered.store.on("get", async (proceed) => {
      await world.past.outbox.append([entryOf({ version: versionNo(1) })]);
      return proceed();
    });

    const { verdict } = await world.looker.inspect("user:1");

    expect(verdict).toEqual({
      copyClass: "pending",
      cause: "The key was written while it was being looked at.",
    });
  });

  it("takes a value that is gone for removed only if nothing was ever evicted", async () => {
    const world = await openCacheFirstWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    world.redis.del("user:1");

    const proven = await world.looker.inspect("user:1");
    world.redis.evictedKeys = 1;
    const unproven = await world.looker.inspect("user:1");

    expect(proven.verdict.copyClass).toBe("removed_outside");
    expect(unproven.verdict.copyClass).toBe("cold");
  });
});

describe("Looker, unpinned", () => {
  const openUnpinned = () => openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });

  it("believes an issue only when a later look sees the same", async () => {
    const world = await openUnpinned();
    const writer = new ScriptedWriter(world, "user:1");
    const [mint, apply, settle] = writer.direct("first") as [Step, Step, Step];
    await mint();
    const waits: number[] = [];
    const looker = lookerWith(world, {
      pause: async (ms) => {
        waits.push(ms);
        await apply();
        await settle();
      },
    });

    const { verdict } = await looker.inspect("user:1");

    expect(verdict.copyClass).toBe("ok");
    expect(waits).toEqual([2250]);
  });

  it("calls a write missing whose process died before it reached the store", async () => {
    const world = await openUnpinned();
    const writer = new ScriptedWriter(world, "user:2");
    await writer.run(writer.direct("first").slice(0, 1));

    const { verdict } = await lookerWith(world, { pause: async () => undefined }).inspect("user:2");

    expect(verdict.copyClass).toBe("missing");
  });

  it("takes a cache that has changed before the third look for motion, though the issue is the same again", async () => {
    const world = await openUnpinned();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first").slice(0, 1));
    const looker = lookerWith(world, {
      pause: async () => writer.run(writer.direct("second").slice(0, 1)),
    });

    const { verdict } = await looker.inspect("user:1");

    expect(verdict.copyClass).toBe("pending");
  });

  it("does not wait for a third look where there is nothing to confirm", async () => {
    const world = await openUnpinned();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    const waits: number[] = [];
    const looker = lookerWith(world, { pause: async (ms) => void waits.push(ms) });

    await confirmed(looker, looker.sweepKeys(["user:1", "user:2"], "contents"));

    expect(waits).toEqual([]);
  });
});

describe("Looker, store first", () => {
  it("does not judge a copy that a reader would not be served", async () => {
    const world = await openCacheFirstWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    world.redis.set("user:1", "foreign");

    const { look, verdict } = await lookerWith(world, { isCurrentCopy: false }).inspect("user:1");

    expect(verdict.copyClass).toBe("cold");
    expect(look.cache).toMatchObject({ value: undefined, meta: undefined });
  });
});
