import { describe, expect, it } from "@jest/globals";
import { AdmittingWritePath } from "../../../src/kv/admitting-write-path.ts";
import type { Newcomer } from "../../../src/load/back-pressure.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";

async function openWorld(pauseMs = 0) {
  const world = await openCacheFirstWorld();
  const asked: Newcomer[] = [];
  const ended: number[] = [];
  const gate = {
    async admit(newcomer: Newcomer) {
      asked.push(newcomer);
      const no = asked.length;
      if (pauseMs > 0) await world.clock.sleep(pauseMs);
      return () => void ended.push(no);
    },
  };
  return { ...world, asked, ended, path: new AdmittingWritePath(world.writes, gate, world.clock) };
}

describe("AdmittingWritePath", () => {
  it("tells how large a write is, and when it has ended", async () => {
    const { path, asked, ended } = await openWorld();

    const written = path.write(setOf({ key: "käse", value: "äb", sessionId: "s" }), "direct");
    expect(ended).toEqual([]);
    await written;
    await path.write(deleteOf({ key: "käse" }), "direct");

    expect(asked).toEqual([
      { op: "set", bytes: 3 * 5 + 3 + 1 },
      { op: "delete", bytes: 3 * 5 },
    ]);
    expect(ended).toEqual([1, 2]);
  });

  it("counts the wait as part of the call", async () => {
    const { path, clock } = await openWorld(100);

    const writing = path.write(setOf(), "direct");
    await clock.untilSleeping();
    await clock.advance(100);

    expect((await writing).latencyMs).toBe(100);
  });

  it("reaches nothing with a write that is refused", async () => {
    const { writes, calls, clock } = await openWorld();
    const refusal = new LockstepError("OVERLOADED", "Full.");
    const path = new AdmittingWritePath(writes, { admit: () => Promise.reject(refusal) }, clock);

    await expect(path.write(setOf(), "direct")).rejects.toBe(refusal);

    expect(calls).toEqual([]);
  });

  it("counts a write that fails as ended", async () => {
    const { path, redis, ended } = await openWorld();
    redis.isUp = false;

    await expect(path.write(setOf(), "direct")).rejects.toMatchObject({
      code: "CACHE_UNAVAILABLE",
    });

    expect(ended).toEqual([1]);
  });
});
