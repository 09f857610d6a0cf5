import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { setOf } from "../../contract/commands.ts";
import { openReadWorld } from "../../support/read-world.ts";
import { deferred } from "../../support/steer.ts";

const silence = async () => {
  throw new LockstepError("CACHE_UNAVAILABLE", "Redis did not answer.");
};

/** A world in which "first" is on both sides, and then five reads have met a Redis that does not answer. */
async function openWorld() {
  const world = await openReadWorld();
  const { writer, steered, calls, read } = world;
  await writer.run(writer.direct("first"));
  steered.cache.onEvery(silence);
  for (let i = 0; i < 5; i += 1) await read();
  calls.length = 0;
  return world;
}

describe("CacheCircuit", () => {
  it("sends reads straight to the store, with the warning, once five calls had no answer", async () => {
    const { read, calls, cacheCircuit, steered } = await openWorld();
    // A probe that is not answered keeps nobody waiting.
    steered.cache.on("ping", () => deferred<void>().promise);
    steered.cache.onEvery(undefined);

    expect(await read()).toMatchObject({
      value: "first",
      source: "store",
      warning: expect.stringContaining("may be behind"),
    });

    expect(cacheCircuit.state).toBe("open");
    expect(calls).not.toContain("cache.observe");
  });

  it("refuses writes at once, which reach nothing", async () => {
    const { writes, calls } = await openWorld();

    const refused = writes.write(setOf({ key: "user:1" }), "direct");

    await expect(refused).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE", retryAfterMs: 250 });
    expect(calls).toEqual([]);
  });

  it("pings while it is open, once each quarter of a second and only when somebody calls", async () => {
    const { read, calls, clock } = await openWorld();
    const pings = () => calls.filter((call) => call === "cache.ping").length;

    await clock.advance(10_000);
    const unasked = pings();
    await read();
    await clock.advance(249);
    await read();
    const early = pings();
    await clock.advance(1);
    await read();

    expect([unasked, early, pings()]).toEqual([0, 1, 2]);
  });

  it("asks Redis again after a ping that was answered", async () => {
    const { read, clock, steered, cacheCircuit } = await openWorld();
    steered.cache.onEvery(undefined);
    await clock.advance(250);

    const during = await read();
    await clock.advance(0);
    const after = await read();

    expect([during.source, after.source]).toEqual(["store", "cache"]);
    expect(cacheCircuit.state).toBe("closed");
  });

  it("counts writes too, whose outcome is then unknown", async () => {
    const { writes, steered, cacheCircuit } = await openReadWorld();
    steered.cache.on("write", async () => {
      throw new LockstepError("UNKNOWN_OUTCOME", "The answer was lost.");
    });

    for (let i = 0; i < 5; i += 1)
      await expect(writes.write(setOf(), "direct")).rejects.toMatchObject({
        code: "UNKNOWN_OUTCOME",
      });

    expect(cacheCircuit.state).toBe("open");
  });

  it("takes a refusal of the one call for an answer", async () => {
    const { read, redis, cacheCircuit } = await openReadWorld();
    redis.putOther("user:1", "list");

    for (let i = 0; i < 10; i += 1)
      await expect(read()).rejects.toMatchObject({ code: "KEY_WRONG_TYPE" });

    expect(cacheCircuit.state).toBe("closed");
  });
});
