import { describe, expect, it } from "@jest/globals";
import { CheckResults } from "../../../src/jobs/check-results.ts";
import { resultOf } from "../../support/check-builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { openMemorySqlite } from "../../support/memory-sqlite.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const DAY_MS = 24 * 3_600_000;
const T0 = Date.UTC(2026, 10, 21);

async function openWorld({ keep = 100, keepMs = 30 * DAY_MS } = {}) {
  const clock = new ManualClock({ nowMs: T0 });
  const random = new SeededRandom(3);
  const { records } = await openMemorySqlite({ clock, random });
  return { clock, records, results: new CheckResults({ records, random, keep, keepMs }) };
}

describe("results of checks", () => {
  it("are listed newest first, of all jobs and models or of one", async () => {
    const { results } = await openWorld();
    const all = [
      resultOf({ atMs: T0, job: "sample", model: "a" }),
      resultOf({ atMs: T0 + 1, job: "health_check", model: "kv" }),
      resultOf({ atMs: T0 + 2, job: "daily_check", model: "a" }),
      resultOf({ atMs: T0 + 3, job: "sample", model: "b" }),
    ];
    for (const result of all) await results.add(result);
    const listed = async (wanted: Partial<Parameters<CheckResults["list"]>[0]>) =>
      (await results.list({ limit: 10, ...wanted })).results.map(({ atMs }) => atMs - T0);

    expect(await listed({})).toEqual([3, 2, 1, 0]);
    expect(await listed({ model: "a" })).toEqual([2, 0]);
    expect(await listed({ job: "sample" })).toEqual([3, 0]);
    expect(await listed({ job: "sample", model: "b" })).toEqual([3]);
    expect(await listed({ job: "weekly_reconcile" })).toEqual([]);
    expect((await results.list({ limit: 1, job: "daily_check" })).results).toEqual([all[2]]);
  });

  it("come page by page, each once, also where many began at the same time", async () => {
    const { results } = await openWorld();
    for (let i = 0; i < 25; i += 1) {
      const job = (["sample", "daily_check", "health_check"] as const)[i % 3]!;
      await results.add(resultOf({ atMs: T0 + Math.floor(i / 10), job, reason: `number ${i}` }));
    }

    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await results.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.results.map(({ reason }) => reason));
      sizes.push(page.results.length);
      cursor = page.cursor;
    } while (cursor !== undefined);

    expect(sizes).toEqual([7, 7, 7, 4]);
    expect(new Set(seen).size).toBe(25);
  });

  it("end with the last page when it is full", async () => {
    const { results } = await openWorld();
    for (let i = 0; i < 4; i += 1) await results.add(resultOf({ atMs: T0 + i }));

    const { cursor } = await results.list({ limit: 2 });
    const last = await results.list({ limit: 2, cursor: cursor! });

    expect(last.results).toHaveLength(2);
    expect(last.cursor).toBeUndefined();
  });

  it("are bounded by count for each job and model, and by time", async () => {
    const { results, clock } = await openWorld({ keep: 3, keepMs: 10 * DAY_MS });
    for (let i = 0; i < 6; i += 1) {
      await results.add(resultOf({ atMs: T0 + i, model: "busy" }));
      if (i === 0) await results.add(resultOf({ atMs: T0, model: "quiet" }));
    }
    const listed = async () =>
      (await results.list({ limit: 10 })).results.map(({ model, atMs }) => `${model} ${atMs - T0}`);

    expect(await listed()).toEqual(["busy 5", "busy 4", "busy 3", "quiet 0"]);
    await clock.advance(10 * DAY_MS + 3);
    expect(await listed()).toEqual(["busy 5", "busy 4"]);
  });

  it("leave out what another release has kept otherwise", async () => {
    const { results, records } = await openWorld();
    await results.add(resultOf());
    const other = { kind: "sample_result", id: "0".repeat(16), group: "a", expiresAtMs: null };
    await records.put([{ ...other, atMs: T0 + 1, body: { job: "sample", shape: 2 } }]);

    expect((await results.list({ limit: 10 })).results).toEqual([resultOf()]);
  });

  it.each(["", "x", "1-", "1-zz", `${T0}-0123456789abcdef-`])(
    "refuse the cursor %j",
    async (cursor) => {
      const { results } = await openWorld();

      await expect(results.list({ limit: 1, cursor })).rejects.toMatchObject({
        code: "INPUT_INVALID",
      });
    },
  );
});
