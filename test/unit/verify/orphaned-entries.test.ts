import { describe, expect, it } from "@jest/globals";
import { NAMED_KEYS_MAX } from "../../../src/model/key.ts";
import { Backlog } from "../../../src/sync/backlog.ts";
import { CacheVerifier } from "../../../src/verify/cache-verifier.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";

async function openWorld(namespaces?: readonly string[]) {
  const world = await openCacheFirstWorld();
  const { ports, clock, looker, random } = world;
  const backlog = new Backlog(ports.cache, ports.cache, ports.outbox, 2250);
  const verifier = new CacheVerifier({
    ...ports,
    looker,
    backlog,
    clock,
    random,
    staleAfterHours: 24,
    ...(namespaces === undefined ? {} : { namespaces }),
  });
  const write = async (key: string, value: string | null = "ours") => {
    const writer = new ScriptedWriter(world, key);
    await writer.run(writer.direct(value));
  };
  return { ...world, verifier, write };
}

const NAMESPACES = ["user:", "session:"];

describe("stored keys outside every known namespace", () => {
  it.each(["full", "sample"] as const)("are named and are no issue, in mode %s", async (mode) => {
    const world = await openWorld(NAMESPACES);
    for (const key of ["user:1", "session:1", "user", "old:1", "old:2"]) await world.write(key);
    world.redis.del("old:2");
    world.redis.metas.delete("old:2");

    const report = await world.verifier.verify({ mode });

    expect({ ...report.orphaned, keys: report.orphaned.keys.toSorted() }).toEqual({
      keys: ["old:1", "old:2", "user"],
      count: 3,
      namespaces: NAMESPACES,
    });
    expect(report).toMatchObject({ healthy: true, mismatches: [], keysChecked: 5 });
  });

  it.each(["full", "sample"] as const)(
    "are not those that the store holds nothing of, in mode %s",
    async (mode) => {
      const world = await openWorld(NAMESPACES);
      await world.write("deleted:1");
      await world.write("deleted:1", null);
      world.redis.set("theirs:1", "theirs");

      const report = await world.verifier.verify({ mode });

      expect(report.orphaned).toMatchObject({ keys: [], count: 0 });
      expect(report.keysChecked).toBe(2);
    },
  );

  it("are named beside their class where they have drifted too", async () => {
    const world = await openWorld(NAMESPACES);
    await world.write("old:1");
    world.redis.set("old:1", "theirs");

    expect(await world.verifier.verify()).toMatchObject({
      orphaned: { keys: ["old:1"], count: 1 },
      mismatches: [{ key: "old:1", copyClass: "changed_outside" }],
      healthy: false,
    });
  });

  it("are all counted and only the first named", async () => {
    const world = await openWorld(NAMESPACES);
    for (let i = 0; i < NAMED_KEYS_MAX + 20; i += 1) await world.write(`old:${i}`);

    const { orphaned } = await world.verifier.verify();

    expect(orphaned.count).toBe(NAMED_KEYS_MAX + 20);
    expect(orphaned.keys).toHaveLength(NAMED_KEYS_MAX);
  });

  it("are none where no namespace is told", async () => {
    const world = await openWorld();
    await world.write("old:1");

    const { orphaned } = await world.verifier.verify();

    expect(orphaned).toEqual({ keys: [], count: 0, namespaces: [] });
  });
});
