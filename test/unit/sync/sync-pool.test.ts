import { describe, expect, it } from "@jest/globals";
import { SyncPool } from "../../../src/sync/sync-pool.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { deferred } from "../../support/steer.ts";

function openPool(concurrency: number) {
  const clock = new ManualClock();
  return { clock, pool: new SyncPool(clock, concurrency) };
}

describe("SyncPool", () => {
  it("answers with what the task answers", async () => {
    const { pool } = openPool(1);

    expect(await pool.run(async () => "landed", { limitMs: 100 })).toEqual({
      outcome: "done",
      value: "landed",
    });
  });

  it("answers with what the task failed with, and goes on with the next", async () => {
    const { pool } = openPool(1);
    const error = new Error("refused");

    const failed = await pool.run(() => Promise.reject(error), { limitMs: 100 });
    const next = await pool.run(async () => 1, { limitMs: 100 });

    expect(failed).toEqual({ outcome: "failed", error });
    expect(next).toEqual({ outcome: "done", value: 1 });
  });

  it("runs as many at once as it may, and the rest in order", async () => {
    const { pool } = openPool(2);
    const begun: number[] = [];
    const gates = [0, 1, 2, 3].map(() => deferred());
    const runs = gates.map((gate, i) =>
      pool.run(
        () => {
          begun.push(i);
          return gate.promise;
        },
        { limitMs: 1000 },
      ),
    );
    expect(pool.load).toEqual({ active: 2, max: 2, queued: 2 });

    gates[1]!.resolve();
    await runs[1];

    expect(begun).toEqual([0, 1, 2]);
    for (const gate of gates) gate.resolve();
    await Promise.all(runs);
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(pool.load).toEqual({ active: 0, max: 2, queued: 0 });
  });

  it("counts the wait for a place, and never begins what was given up there", async () => {
    const { pool, clock } = openPool(1);
    const gate = deferred();
    const first = pool.run(() => gate.promise, { limitMs: 10_000 });
    let begun = false;
    const late: string[] = [];
    const second = pool.run(
      async () => {
        begun = true;
        return "second";
      },
      { limitMs: 500, onLate: (value) => void late.push(value) },
    );

    await clock.advance(500);

    expect(await second).toEqual({ outcome: "timed_out" });
    expect(pool.load).toEqual({ active: 1, max: 1, queued: 0 });
    gate.resolve();
    await first;
    await pool.idle();
    expect([begun, late]).toEqual([false, []]);
  });

  it("gives up waiting for a task that has begun, and hears of its late success", async () => {
    const { pool, clock } = openPool(1);
    const gate = deferred<string>();
    const late: string[] = [];
    const run = pool.run(() => gate.promise, {
      limitMs: 500,
      onLate: (value) => void late.push(value),
    });

    await clock.advance(500);
    const answer = await run;
    gate.resolve("landed after all");
    await pool.idle();

    expect(answer).toEqual({ outcome: "timed_out" });
    expect(late).toEqual(["landed after all"]);
  });

  it("keeps the place of a task that has outlived its limit until it ends", async () => {
    const { pool, clock } = openPool(1);
    const gate = deferred();
    const first = pool.run(() => gate.promise, { limitMs: 500 });
    await clock.advance(500);
    await first;
    const second = pool.run(async () => "second", { limitMs: 500 });

    const while1 = pool.load;
    gate.resolve();

    expect(while1).toEqual({ active: 1, max: 1, queued: 1 });
    expect(await second).toEqual({ outcome: "done", value: "second" });
  });

  it("says nothing of a late failure", async () => {
    const { pool, clock } = openPool(1);
    const gate = deferred();
    const late: unknown[] = [];
    const run = pool.run(() => gate.promise, { limitMs: 500, onLate: (v) => void late.push(v) });

    await clock.advance(500);
    await run;
    gate.reject(new Error("late"));
    await pool.idle();

    expect(late).toEqual([]);
  });
});
