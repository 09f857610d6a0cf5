import { describe, expect, it } from "@jest/globals";
import type { Reconciled } from "../../../src/jobs/check-result.ts";
import { CheckResults } from "../../../src/jobs/check-results.ts";
import { CheckRunner } from "../../../src/jobs/check-runner.ts";
import type { CheckTarget, ReconcileWanted } from "../../../src/jobs/check-target.ts";
import { weeklyReconcile } from "../../../src/jobs/weekly-reconcile.ts";
import { storeDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const mended: Reconciled = {
  checked: 9,
  created: 2,
  updated: 3,
  removed: 1,
  skipped: 0,
  errors: 0,
  complete: true,
};

async function openWorld() {
  const clock = new ManualClock();
  const random = new SeededRandom(2);
  const { records } = await openMemorySqlite({ clock, random });
  const results = new CheckResults({ records, random, keep: 10, keepMs: 60_000 });
  const log = new RecordingLog();
  const counters = async () => ({ evictions: null, recoveries: null });
  const runner = new CheckRunner({ results, counters, by: "process 1 on here", clock, log });
  const stopping = new AbortController();
  const occasion = { reason: "Scheduled for a test", signal: stopping.signal };
  const listed = async () =>
    new Map((await results.list({ limit: 10 })).results.map((result) => [result.model, result]));
  return { runner, log, stopping, occasion, listed };
}

function targetOf(model: string, reconcile: NonNullable<CheckTarget["reconcile"]>): CheckTarget {
  return { model, check: () => Promise.reject(new Error("not asked for")), reconcile };
}

describe("the weekly reconciliation", () => {
  it("reconciles all of every model, and keeps what it has mended", async () => {
    const { runner, occasion, listed, log } = await openWorld();
    const asked: ReconcileWanted[] = [];
    const reconcile = async (wanted: ReconcileWanted) => {
      asked.push(wanted);
      return mended;
    };
    const targets = [targetOf("a", reconcile), targetOf("b", reconcile)];

    await weeklyReconcile({ runner, targets }, occasion);

    expect(asked.map(({ extent }) => extent)).toEqual(["all", "all"]);
    expect((await listed()).get("b")).toMatchObject({
      job: "weekly_reconcile",
      outcome: "good",
      reason: "Scheduled for a test",
      findings: null,
      reconciled: mended,
      error: null,
    });
    expect(log.told).toEqual(["info: Reconciled a", "info: Reconciled b"]);
  });

  it("goes on with the others when one fails, and calls one that left errors failed", async () => {
    const { runner, occasion, listed, log } = await openWorld();
    const targets = [
      targetOf("down", () => Promise.reject(storeDown())),
      targetOf("half", async () => ({ ...mended, errors: 1 })),
      targetOf("fine", async () => mended),
    ];

    await weeklyReconcile({ runner, targets }, occasion);

    const results = await listed();
    expect(results.get("down")).toMatchObject({
      outcome: "failed",
      reconciled: null,
      error: "STORE_UNAVAILABLE: The store refused the connection.",
    });
    expect(results.get("half")).toMatchObject({ outcome: "failed", reconciled: { errors: 1 } });
    expect(results.get("fine")).toMatchObject({ outcome: "good" });
    expect(log.told[0]).toBe("error: Error during weekly_reconcile of down");
  });

  it("leaves the rest to the next instance when it is stopped", async () => {
    const { runner, occasion, stopping, listed } = await openWorld();
    const targets = [
      targetOf("a", async () => {
        stopping.abort();
        throw new Error("aborted");
      }),
      targetOf("b", async () => mended),
    ];

    await weeklyReconcile({ runner, targets }, occasion);

    expect([...(await listed())]).toEqual([]);
  });
});
