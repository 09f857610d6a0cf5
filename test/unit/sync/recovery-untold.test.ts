import { describe, expect, it } from "@jest/globals";
import type { WriteCommand } from "../../../src/model/write-command.ts";
import { deleteOf, ifVersion, setOf, withId } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import type { FakeSnapshot } from "../../support/fake-redis.ts";
import { runThrough } from "../../support/run-through.ts";

/** The statement of a write that waits may land until then. */
const JUST_ALIVE_MS = 590_000;

/**
 * Unpinned. "older" is on both sides. Before the next write lands, Redis evicts what it has of it, a reader fills it with
 * "older", and Redis saves. The write lands and is told to the cache and its caller; then Redis goes back.
 */
async function goneBackBehind(command: WriteCommand) {
  const world = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
  const { clock, redis, steered, writes, reads } = world;
  await runThrough(clock, writes.write(withId("before", setOf({ value: "older" })), "direct"));
  let saved: FakeSnapshot | undefined;
  steered.store.on("applyNewer", async (proceed) => {
    steered.store.on("applyNewer", undefined);
    redis.evict("user:1", "value");
    redis.evict("user:1", "meta");
    expect(await reads.read("user:1")).toMatchObject({ value: "older" });
    saved = redis.snapshot();
    return proceed();
  });
  const receipt = await runThrough(clock, writes.write(command, "direct"));
  expect(receipt).toMatchObject({ durable: "shadow" });
  redis.restart(saved);
  return world;
}

describe("a copy that was filled before a newer write landed, and that comes back with Redis", () => {
  it("is not read again once the newer one was acknowledged", async () => {
    const { recovery, reads } = await goneBackBehind(setOf({ value: "newer" }));

    await recovery.recoverAll();

    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });

  it("does not undo a delete", async () => {
    const { recovery, reads } = await goneBackBehind(deleteOf());

    await recovery.recoverAll();

    expect(await reads.read("user:1")).toMatchObject({ found: false });
  });

  it("does not let a retry be carried out once more", async () => {
    const command = withId("once", setOf({ value: "newer" }));
    const { clock, past, recovery, writes } = await goneBackBehind(command);
    const first = await past.store.get("user:1");
    await recovery.recoverAll();

    const retried = await runThrough(clock, writes.write(command, "direct"));

    expect(retried).toMatchObject({ version: first?.version });
  });

  it("does not let a condition be judged by it", async () => {
    const { clock, past, recovery, writes } = await goneBackBehind(setOf({ value: "newer" }));
    const newer = (await past.store.get("user:1"))?.version ?? "";
    await recovery.recoverAll();

    const next = writes.write(ifVersion(newer, setOf({ value: "newest" })), "direct");

    expect(await runThrough(clock, next)).toMatchObject({ durable: "shadow" });
  });

  it("is not believed because nothing may be evicted any more", async () => {
    const { redis, recovery, reads } = await goneBackBehind(setOf({ value: "newer" }));
    redis.maxmemoryPolicy = "noeviction";

    await recovery.recoverAll();

    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });

  it("is not read again where the newer write had failed, and landed as late as it can", async () => {
    const world = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
    const { clock, redis, recovery, steered, writes, reads } = world;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    let land: () => void = () => undefined;
    steered.store.on("applyNewer", async (proceed) => {
      await new Promise<void>((resolve) => {
        land = resolve;
      });
      return proceed();
    });
    steered.outbox.on("append", () => new Promise(() => undefined));
    const failed = writes.write(setOf({ value: "newer" }), "direct");
    await expect(runThrough(clock, failed)).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    steered.store.on("applyNewer", undefined);
    expect(await reads.read("user:1")).toMatchObject({ value: "older" });
    await clock.advance(JUST_ALIVE_MS);
    // The last version that Redis knows is this one.
    await runThrough(clock, writes.write(setOf({ key: "{user:1}other" }), "direct"));
    const saved = redis.snapshot();
    land();
    await clock.advance(1000);
    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });

    redis.restart(saved);
    await recovery.recoverAll();

    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });

  it("is not read again where the newer write's event was applied after the process that wrote it had died", async () => {
    const world = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
    const { clock, redis, recovery, projector, steered, writes, reads } = world;
    await runThrough(clock, writes.write(setOf({ value: "older" }), "direct"));
    steered.outbox.on("append", async (proceed) => {
      steered.outbox.on("append", undefined);
      redis.evict("user:1", "value");
      redis.evict("user:1", "meta");
      await reads.read("user:1");
      await proceed();
      return new Promise(() => undefined);
    });
    void writes.write(setOf({ value: "newer" }), "event").catch(() => undefined);
    await clock.advance(0);
    const saved = redis.snapshot();
    projector.start();
    await clock.advance(5000);
    await projector.stop();
    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });

    redis.restart(saved);
    await recovery.recoverAll();

    expect(await reads.read("user:1")).toMatchObject({ value: "newer" });
  });
});
