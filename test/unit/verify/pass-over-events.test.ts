import { describe, expect, it } from "@jest/globals";
import { entryOf, versionAt } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { verifierIn } from "../../support/verifier-in.ts";

/** `alone` keys of which only events are left, two each; one key in step, and one whose event waits beside its copy. */
async function openWorld(alone: number) {
  const world = await openCacheFirstWorld();
  const { clock, past } = world;
  for (let i = 0; i < alone; i += 1) {
    const write = (value: string) =>
      entryOf({ key: `alone:${i}`, value, version: versionAt(clock.nowMs()) });
    await past.outbox.append([write("first")]);
    await clock.advance(1);
    await past.outbox.append([write("second")]);
  }
  const both = new ScriptedWriter(world, "both");
  await both.run(both.direct("first"));
  const waiting = new ScriptedWriter(world, "waiting");
  await waiting.run(waiting.byEvent("first").slice(0, 2));
  return world;
}

describe("a full pass", () => {
  it.each(["contents", "digests"] as const)(
    "meets what only the outbox has, each key once, comparing %s",
    async (compared) => {
      const world = await openWorld(30);

      const young = await verifierIn(world).verify({ compared });
      await world.clock.advance(60_000);
      const old = await verifierIn(world).verify({ compared, prefix: "alone:" });

      expect(young).toMatchObject({ keysChecked: 32, healthy: true });
      expect(young.counts).toMatchObject({ pending: 31, ok: 1 });
      expect(old).toMatchObject({ keysChecked: 30, healthy: false });
      expect(old.counts).toMatchObject({ overdue: 30 });
    },
  );

  it.each([1, 7, 50])("meets it in parts of %i, too", async (limit) => {
    const world = await openWorld(30);
    await world.clock.advance(60_000);

    let cursor: string | null = null;
    let keysChecked = 0;
    let parts = 0;
    do {
      const from = cursor === null ? {} : { cursor };
      const { pass } = await verifierIn(world).verify({ ...from, limit });
      ({ cursor, keysChecked } = pass);
      parts += 1;
    } while (cursor !== null);

    expect(keysChecked).toBe(32);
    expect(parts).toBeGreaterThan(30 / limit);
  });

  it("meets parked events", async () => {
    const world = await openCacheFirstWorld();
    const { outbox } = world.past;
    await outbox.append([entryOf({ key: "refused", version: versionAt(world.clock.nowMs()) })]);
    const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 1000 });
    await outbox.park([event!.id], "too large");
    await world.clock.advance(60_000);

    const report = await verifierIn(world).verify();

    expect(report.mismatches).toEqual([{ key: "refused", copyClass: "overdue" }]);
  });
});
