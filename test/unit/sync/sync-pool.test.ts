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

    expect(await second).toEqual({ outcome: "never_begun" });
    expect(pool.load).toEqual({ active: 1, max: 1, queued: 0 });
    gate.resolve();
    await first;
    await pool.idle();
    expect([begun, late]).toEqual([false, []]);
  });

  it("leaves who waits for a place longer than it is told to the time for another way", async () => {
    const { pool, clock } = openPool(1);
    const gates = [deferred(), deferred(), deferred()];
    const terms = { limitMs: 500, placeMs: 200 };
    void pool.run(() => gates[0]!.promise, { limitMs: 10_000 });
    const inTime = pool.run(() => gates[1]!.promise, terms);
    const tooLate = pool.run(() => gates[2]!.promise, terms);
    const answers: string[] = [];
    void inTime.then(({ outcome }) => answers.push(`in time ${outcome}`));
    void tooLate.then(({ outcome }) => answers.push(`too late ${outcome}`));
    await clock.advance(199);
    gates[0]!.resolve();
    await clock.advance(1);
    const afterPlaceMs = [...answers];

    await clock.advance(300);

    expect(afterPlaceMs).toEqual(["too late never_begun"]);
    expect(answers).toEqual(["too late never_begun", "in time timed_out"]);
    gates[1]!.resolve();
    await pool.idle();
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
