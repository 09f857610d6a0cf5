import { describe, expect, it } from "@jest/globals";
import { CheckResults } from "../../../src/jobs/check-results.ts";
import { CheckRunner } from "../../../src/jobs/check-runner.ts";
import type { CheckTarget, CheckWanted } from "../../../src/jobs/check-target.ts";
import { AFTER_REPLY_MS, Sampler, type SamplerRules } from "../../../src/jobs/sampler.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { Envelope } from "../../../src/transport/envelope.ts";
import { storeDown } from "../../support/builders.ts";
import { findingsOf, resultOf } from "../../support/check-builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type MemorySqlite, openMemorySqlite } from "../../support/memory-sqlite.ts";
import { RecordingLog } from "../../support/recording-log.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { bindTinyTools, makeTinyServices } from "../../support/tiny-app.ts";

const HOUR_MS = 3_600_000;

const usual: SamplerRules = {
  probability: 1,
  intervalMs: HOUR_MS,
  sampleSize: 50,
  sampleSizeMax: 500,
  threshold: 0.9,
  reconcileBelow: 0.7,
};

/** A model whose checks are counted and answer what the test says. */
class ScriptedTarget implements CheckTarget {
  readonly model: string;
  readonly checks: CheckWanted[] = [];
  reconciliations = 0;
  check: CheckTarget["check"] = async (wanted) => {
    this.checks.push(wanted);
    const size = wanted.sampleSize ?? 0;
    return findingsOf(size, Math.round(size * this.share));
  };
  share = 1;

  constructor(model: string) {
    this.model = model;
  }

  async reconcile() {
    this.reconciliations += 1;
    return {
      checked: 9,
      created: 0,
      updated: 9,
      removed: 0,
      skipped: 0,
      errors: 0,
      complete: true,
    };
  }
}

interface Options {
  readonly rules?: Partial<SamplerRules>;
  readonly models?: readonly string[];
  /** Another process' backend. */
  readonly on?: { readonly clock: ManualClock; readonly sqlite: MemorySqlite };
  readonly seed?: number;
}

async function openWorld({ rules = {}, models = ["accounts.User"], on, seed = 5 }: Options = {}) {
  const random = new SeededRandom(seed);
  const clock = on?.clock ?? new ManualClock({ nowMs: Date.UTC(2026, 10, 21) });
  const sqlite = on?.sqlite ?? (await openMemorySqlite({ clock, random }));
  const { records } = sqlite;
  const log = new RecordingLog();
  const results = new CheckResults({ records, random, keep: 100, keepMs: 1000 * HOUR_MS });
  const state = { highLoad: false, isCircuitOpen: false, evictions: 0 };
  const counters = async () => ({ evictions: state.evictions, recoveries: 0 });
  const targets = models.map((model) => new ScriptedTarget(model));
  const sampler = new Sampler({
    targets,
    runner: new CheckRunner({ results, counters, by: "process 1 on here", clock, log }),
    results,
    records,
    counters,
    load: {
      report: async () => ({
        highLoad: state.highLoad,
        reason: "",
        inputs: { poolUtilization: 0, queued: 0, unprocessed: 0 },
        thresholds: { poolRatio: 0.8, queued: 0, unprocessed: 100 },
        wouldUse: "ASYNC_THREAD",
      }),
    },
    isCircuitOpen: () => state.isCircuitOpen,
    clock,
    random,
    log,
    rules: { ...usual, ...rules },
  });
  const checks = () => targets.map((target) => target.checks.length);
  /** One call, and time for what it may set off. */
  const call = async (ms = 2000) => {
    sampler.afterCall();
    await clock.advance(ms);
  };
  const listed = async () => (await results.list({ limit: 20 })).results;
  return { sampler, targets, state, clock, sqlite, results, log, checks, call, listed, random };
}

describe("the sampler", () => {
  it("looks at a sample once in the interval, however many calls there are", async () => {
    const { call, checks, targets } = await openWorld();

    const counts: number[] = [];
    for (let calls = 0; calls < 100; calls += 1) {
      await call(120_000);
      counts.push(checks()[0]!);
    }

    // 200 minutes: at the start, and after one, two and three hours.
    expect(counts.at(-1)).toBe(4);
    expect(counts.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 1));
    expect(targets[0]!.checks[0]).toMatchObject({ sampleSize: 50 });
  });

  it("is set off by about as many calls as the probability says", async () => {
    const { sampler, checks, clock } = await openWorld({
      rules: { probability: 0.01, intervalMs: 1 },
      seed: 11,
    });

    for (let calls = 0; calls < 10_000; calls += 1) {
      const before = clock.sleeping;
      sampler.afterCall();
      if (clock.sleeping > before) await clock.advance(2000);
    }

    // 100 are expected; the seed makes it always the same number.
    expect(checks()[0]).toBeGreaterThan(70);
    expect(checks()[0]).toBeLessThan(130);
  });

  it("is off where the probability is 0, and draws no chance then", async () => {
    const { sampler, clock, random } = await openWorld({ rules: { probability: 0 } });
    const twin = new SeededRandom(random.seed);
    twin.hex(16);

    sampler.afterCall();

    expect(clock.sleeping).toBe(0);
    expect(random.fraction()).toBe(twin.fraction());
  });

  it("never keeps a call waiting: the reply is there while the check hangs", async () => {
    const { sampler, targets, clock, random } = await openWorld();
    let hanging = 0;
    targets[0]!.check = () => {
      hanging += 1;
      return new Promise(() => undefined);
    };
    const envelope = new Envelope({
      tools: bindTinyTools(makeTinyServices()),
      clock,
      random,
      log: silentLog,
      callTimeoutMs: 1000,
      redact: (text) => text,
      afterCall: () => sampler.afterCall(),
    });
    const echo = () => envelope.call({ name: "echo", args: { text: "hi" } });

    expect((await echo()).structuredContent).toEqual({ text: "hi", times: 1 });
    expect(hanging).toBe(0);
    await clock.advance(AFTER_REPLY_MS);
    expect(hanging).toBe(1);
    for (let calls = 0; calls < 10; calls += 1) {
      expect((await echo()).structuredContent).toEqual({ text: "hi", times: 1 });
      await clock.advance(HOUR_MS);
    }

    // One at a time: the one that hangs keeps others from beginning.
    expect(hanging).toBe(1);
  });

  it.each(["highLoad", "isCircuitOpen"] as const)(
    "stays out of the way while %s, and goes on after it",
    async (what) => {
      const { call, checks, state } = await openWorld();
      state[what] = true;
      await call();
      await call();
      expect(checks()).toEqual([0]);

      state[what] = false;
      await call();

      expect(checks()).toEqual([1]);
    },
  );

  it("stops when it is told to, in the middle of a check too", async () => {
    const { sampler, targets, clock, listed, log } = await openWorld();
    targets[0]!.check = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      });
    sampler.afterCall();
    await clock.advance(AFTER_REPLY_MS);

    await sampler.stop();
    sampler.afterCall();

    expect(clock.sleeping).toBe(0);
    expect(await listed()).toEqual([]);
    expect(log.told).toEqual([]);
  });

  it("logs what goes wrong and throws nothing", async () => {
    const { call, checks, log, sqlite } = await openWorld();
    const { records } = sqlite;
    const list = records.list.bind(records);
    records.list = () => Promise.reject(storeDown());
    await call();
    records.list = list;
    await call();

    expect(log.told[0]).toBe("warn: A sample could not be looked at");
    expect(checks()).toEqual([1]);
  });

  it("keeps a check that failed as failed, and does not repeat it within the interval", async () => {
    const { call, targets, listed } = await openWorld();
    let failures = 0;
    targets[0]!.check = () => {
      failures += 1;
      return Promise.reject(storeDown());
    };

    await call();
    await call();

    expect(failures).toBe(1);
    expect(await listed()).toMatchObject([{ job: "sample", outcome: "failed" }]);
  });

  it.each([
    { share: 1, level: "info", reconciled: 0 },
    { share: 0.9, level: "info", reconciled: 0 },
    { share: 0.88, level: "warn", reconciled: 0 },
    { share: 0.7, level: "warn", reconciled: 0 },
    { share: 0.68, level: "warn", reconciled: 1 },
  ])(
    "with $share sound copies: $level, $reconciled reconciliations",
    async ({ share, level, reconciled }) => {
      const { call, targets, log } = await openWorld();
      targets[0]!.share = share;

      await call();

      expect(log.told[0]).toBe(
        `${level}: Checked accounts.User: ${share * 50} of 50 copies are sound`,
      );
      expect(targets[0]!.reconciliations).toBe(reconciled);
    },
  );

  it("keeps why it has reconciled, and what came of it", async () => {
    const { call, targets, listed } = await openWorld();
    targets[0]!.share = 0.5;

    await call();

    const [one, other] = await listed();
    const reconciliation = one?.reconciled ? one : other;
    expect(reconciliation).toMatchObject({
      job: "sample",
      model: "accounts.User",
      outcome: "good",
      reason: "A sample found 25 of 50 copies sound, which is below 0.7",
      reconciled: { updated: 9 },
    });
  });

  it("never reconciles where that is switched off", async () => {
    const { call, targets } = await openWorld({ rules: { reconcileBelow: 0 } });
    targets[0]!.share = 0;

    await call();

    expect(targets[0]!.reconciliations).toBe(0);
  });

  it("looks at each model once in the interval, together with other processes", async () => {
    const one = await openWorld({ models: ["a", "b", "c"] });
    const other = await openWorld({ models: ["a", "b", "c"], on: one, seed: 6 });

    for (let calls = 0; calls < 10; calls += 1) {
      one.sampler.afterCall();
      other.sampler.afterCall();
      await one.clock.advance(2000);
    }

    const together = one.checks().map((count, i) => count + other.checks()[i]!);
    expect(together).toEqual([1, 1, 1]);
  });

  it("begins with the most suspicious model, and says why", async () => {
    const { call, checks, results, listed, clock } = await openWorld({
      models: ["calm", "drifting"],
    });
    const atMs = clock.nowMs() - HOUR_MS;
    await results.add(resultOf({ atMs, model: "calm", findings: findingsOf(100, 100) }));
    await results.add(resultOf({ atMs, model: "drifting", findings: findingsOf(100, 94) }));

    await call();

    expect(checks()).toEqual([0, 1]);
    expect((await listed())[0]).toMatchObject({
      model: "drifting",
      reason:
        "the last check of drifting found drift; looked at 60 minutes ago. 217 are enough to tell a share of 94 % as seen lately from the threshold of 90 %",
      findings: { checked: 217 },
    });
  });

  it("asks the store nothing while every model has had its turn", async () => {
    const { call, sqlite } = await openWorld();
    await call();
    await call();
    let asked = 0;
    const { records } = sqlite;
    const list = records.list.bind(records);
    records.list = (...args) => {
      asked += 1;
      return list(...args);
    };

    for (let calls = 0; calls < 50; calls += 1) await call(60_000);
    expect(asked).toBe(0);
    for (let calls = 0; calls < 15; calls += 1) await call(60_000);

    expect(asked).toBeGreaterThan(0);
  });
});
