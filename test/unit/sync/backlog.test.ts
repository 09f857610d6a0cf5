import { describe, expect, it } from "@jest/globals";
import { Backlog } from "../../../src/sync/backlog.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";

const CALL_LIMIT_MS = 2250;

async function openWorld() {
  const world = await openCacheFirstWorld();
  const { cache, outbox } = world.ports;
  return {
    ...world,
    backlog: new Backlog(cache, cache, outbox, CALL_LIMIT_MS),
    mint: (key: string) => world.past.cache.write(setOf({ key })),
    append: async (key: string) => {
      const writer = new ScriptedWriter(world, key);
      await writer.run(writer.byEvent("value").slice(0, 2));
    },
  };
}

describe("Backlog", () => {
  it("is nothing when both sides are in step", async () => {
    const { backlog } = await openWorld();

    expect(await backlog.count()).toEqual({ events: 0, unprocessed: 0, parked: 0, pending: 0 });
  });

  it("counts a write in its direct call as pending, and as unprocessed once its call has left it", async () => {
    const { backlog, mint, clock } = await openWorld();
    await mint("a");

    const during = await backlog.count();
    await clock.advance(CALL_LIMIT_MS + 1);
    const after = await backlog.count();

    expect(during).toEqual({ events: 0, unprocessed: 0, parked: 0, pending: 1 });
    expect(after).toEqual({ events: 0, unprocessed: 1, parked: 0, pending: 0 });
  });

  it("counts a write once that is in the journal and in the outbox", async () => {
    const { backlog, mint, append, clock } = await openWorld();
    await append("both");
    await mint("journal only");
    await clock.advance(CALL_LIMIT_MS + 1);

    expect(await backlog.count()).toEqual({ events: 1, unprocessed: 2, parked: 0, pending: 0 });
  });

  it("counts each event of a key, as the outbox lists them", async () => {
    const { backlog, append, clock } = await openWorld();
    await append("a");
    await append("a");
    await clock.advance(CALL_LIMIT_MS + 1);

    expect(await backlog.count()).toEqual({ events: 2, unprocessed: 2, parked: 0, pending: 0 });
  });

  it("counts events alone where the cache keeps no journal", async () => {
    const { ports, append, past } = await openWorld();
    await append("a");
    await past.cache.acknowledge([{ key: "a", version: "9".repeat(24) }]);
    const backlog = new Backlog(ports.cache, undefined, ports.outbox, CALL_LIMIT_MS);

    expect(await backlog.count()).toEqual({ events: 1, unprocessed: 1, parked: 0, pending: 0 });
  });

  it("still counts a parked event, and the write of its key once", async () => {
    const { backlog, append, past, clock } = await openWorld();
    await append("a");
    const claimed = await past.outbox.claim({ owner: "one", limit: 1, leaseMs: 1000 });
    await past.outbox.park(
      claimed.map((event) => event.id),
      "refused",
    );
    await clock.advance(CALL_LIMIT_MS + 1);

    expect(await backlog.count()).toEqual({ events: 1, unprocessed: 1, parked: 1, pending: 0 });
  });

  it("fails as the side fails that does not answer", async () => {
    const { backlog, redis } = await openWorld();
    redis.isUp = false;

    await expect(backlog.count()).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
  });
});
