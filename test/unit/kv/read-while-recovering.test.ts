import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { storeDown } from "../../support/builders.ts";
import { SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { inStep, openReadWorld } from "../../support/read-world.ts";

const WARNING = expect.stringContaining("being recovered");

/** Redis is restarted with "first" and a store that cannot raise the epoch. */
async function openLost(options: { readonly readWhileRecovering: boolean }) {
  const world = await openReadWorld(options);
  await inStep(world);
  const raise = world.past.bucketStates.raiseEpoch.bind(world.past.bucketStates);
  world.past.bucketStates.raiseEpoch = async () => {
    throw storeDown();
  };
  world.redis.restart();
  return {
    ...world,
    storeIsBack: () => {
      world.past.bucketStates.raiseEpoch = raise;
    },
  };
}

describe("a read of a cache that has lost state", () => {
  it("fails with RECOVERING unless told otherwise, and works after the recovery", async () => {
    const { read, storeIsBack } = await openLost({ readWhileRecovering: false });

    await expect(read()).rejects.toMatchObject({ code: "RECOVERING" });
    storeIsBack();

    expect(await read()).toMatchObject({ value: "first", source: "cache" });
    expect(await read()).not.toHaveProperty("warning");
  });

  it("answers what stands there, at once and with a warning, where that is wanted", async () => {
    const { read, storeIsBack, redis, past, clock } = await openLost({ readWhileRecovering: true });
    const found = redis.states.get(bucketOf("user:1"));

    expect(await read()).toMatchObject({ value: "first", source: "cache", warning: WARNING });

    expect(redis.states.get(bucketOf("user:1"))).toEqual(found);
    storeIsBack();
    expect(await read()).toMatchObject({ value: "first", warning: WARNING });
    await clock.advance(0);
    expect(await read()).not.toHaveProperty("warning");
    expect(await past.bucketStates.read([bucketOf("user:1")])).toMatchObject([{ epoch: 2 }]);
  });

  it("does not wait for a recovery that hangs", async () => {
    const { read, past } = await openLost({ readWhileRecovering: true });
    past.bucketStates.raiseEpoch = () => new Promise(() => undefined);

    expect(await read()).toMatchObject({ value: "first", warning: WARNING });
  });

  it("waits for a recovery where that is not wanted, as long as a call may take", async () => {
    const { read, past, clock } = await openLost({ readWhileRecovering: false });
    past.bucketStates.raiseEpoch = () => new Promise(() => undefined);
    const answer = Promise.allSettled([read()]);

    await clock.advance(SYNC_TIMEOUT_MS);

    expect(await answer).toMatchObject([{ reason: { code: "RECOVERING" } }]);
  });

  it("shows the store's copy of what the cache does not have, and fills nothing", async () => {
    const { read, forget, redis, calls } = await openLost({ readWhileRecovering: true });
    forget();

    expect(await read()).toMatchObject({ value: "first", source: "store", warning: WARNING });

    expect(redis.value("user:1")).toBeUndefined();
    expect(calls).not.toContain("cache.takeLease");
  });

  it("shows a deleted key as such", async () => {
    const world = await openLost({ readWhileRecovering: true });
    const held = world.redis.metas.get("user:1")!;
    world.redis.metas.set("user:1", { ...held, meta: { ...held.meta!, tombstone: true } });
    world.redis.del("user:1");

    expect(await world.read()).toMatchObject({ found: false, source: "cache", warning: WARNING });
  });
});
