import { expect, it } from "@jest/globals";
import { type CopyClass, isIssue } from "../../src/verify/classify.ts";
import type { OpenLockstep } from "../support/lockstep/open-lockstep.ts";
import { everyDrift, Gardener, type PlantedDrift } from "../support/lockstep/planted-drift.ts";
import type { ToolAnswers } from "../support/lockstep/tool-answers.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

type Report = ToolAnswers["verify_cache_sync"];

/** Nothing moves but what the test moves: no job writes what it found, and no write in the journal becomes overdue. */
const still = {
  LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000",
  LOCKSTEP_SYNC_OBJECTIVE_MS: "3600000",
  LOCKSTEP_HEALTH_INTERVAL_MS: "3600000",
};

const KEYS_OF_EACH = 5;

/** Seconds on an idle machine. */
const limitMs = 180_000;

/** What is on neither side is met by no pass. */
const drifts = everyDrift.filter(({ verdict }) => verdict !== "absent");

interface Planted {
  readonly key: string;
  readonly drift: PlantedDrift;
}

async function plantAll(gardener: Gardener): Promise<readonly Planted[]> {
  const planted = drifts.flatMap((drift) =>
    Array.from({ length: KEYS_OF_EACH }, (_, n) => ({ key: `${drift.what} ${n}`, drift })),
  );
  await Promise.all(
    planted
      .filter(({ drift }) => drift.needsFault !== true)
      .map(({ key, drift }) => drift.plant(gardener, key)),
  );
  for (const { key, drift } of planted.filter((one) => one.drift.needsFault === true))
    await drift.plant(gardener, key);
  return planted;
}

/** What each key is, against what it was found to be; a report names issues by key, and counts the rest. */
function matrixOf(reports: readonly Report[]) {
  const counts: Record<string, number> = {};
  for (const { cacheVsShadowSync } of reports)
    for (const [copyClass, count] of Object.entries(cacheVsShadowSync.counts))
      if (count > 0) counts[copyClass] = (counts[copyClass] ?? 0) + count;
  const issues = reports
    .flatMap(({ cacheVsShadowSync }) => cacheVsShadowSync.mismatches)
    .map((found) => `${found.key}: ${found.class}`)
    .toSorted();
  return { counts, issues };
}

function expectedOf(planted: readonly Planted[], classOf: (drift: PlantedDrift) => CopyClass) {
  const counts: Record<string, number> = {};
  const issues: string[] = [];
  for (const { key, drift } of planted) {
    const copyClass = classOf(drift);
    counts[copyClass] = (counts[copyClass] ?? 0) + 1;
    if (isIssue(copyClass)) issues.push(`${key}: ${copyClass}`);
  }
  return { counts, issues: issues.toSorted() };
}

async function inParts(lockstep: OpenLockstep, limit: number): Promise<readonly Report[]> {
  const reports = [await lockstep.call("verify_cache_sync", { limit })];
  for (let cursor = reports[0]?.cursor; cursor != null; cursor = reports.at(-1)?.cursor)
    reports.push(await lockstep.call("verify_cache_sync", { limit, cursor }));
  return reports;
}

describeWith(["redis", "mongodb"], "a verification of every kind of drift at once", () => {
  const backends = useBackends();

  it(
    "names each key by its class in every mode, and writes nothing on either server",
    async () => {
      const lockstep = await backends.open(still);
      const impatient = await backends.open({ ...still, LOCKSTEP_SYNC_OBJECTIVE_MS: "1" });
      const planted = await plantAll(new Gardener(backends, lockstep));

      const watch = await backends.watchWrites();
      const full = await lockstep.call("verify_cache_sync");
      const parts = await inParts(lockstep, 20);
      const sample = await lockstep.call("verify_cache_sync", { mode: "sample" });
      const digests = await lockstep.call("verify_cache_sync", { contents: false });
      const late = await impatient.call("verify_cache_sync");
      const written = await watch.end();

      const all = expectedOf(planted, ({ verdict }) => verdict);
      expect(matrixOf([full])).toEqual(all);
      expect(parts.length).toBeGreaterThan(2);
      expect(matrixOf(parts)).toEqual(all);
      expect(parts.at(-1)?.coverage).toMatchObject({
        complete: true,
        keysChecked: planted.length,
        issues: all.issues.length,
      });
      expect(matrixOf([sample])).toEqual(all);
      expect(sample.sample).toMatchObject({ keysInAll: planted.length, smallestVisibleRate: 0 });
      expect(matrixOf([digests])).toEqual(
        expectedOf(planted, ({ verdict, byDigests }) => byDigests ?? verdict),
      );
      expect(matrixOf([late])).toEqual(
        expectedOf(planted, ({ verdict }) => (verdict === "pending" ? "overdue" : verdict)),
      );
      expect(written).toEqual([]);
    },
    limitMs,
  );

  it(
    "finds nothing left once all is repaired, and a second repair writes nothing",
    async () => {
      const lockstep = await backends.open(still);
      const gardener = new Gardener(backends, lockstep);
      const planted = await plantAll(gardener);
      const repairAll = () =>
        Promise.all(planted.map(({ key }) => lockstep.call("force_sync_repair", { key })));

      // On a machine that is too slow for the sync timeout, a repair stops in the journal, and the next one goes on.
      const after = await waitUntil(
        async () => {
          await repairAll();
          const report = await lockstep.call("verify_cache_sync");
          return report.cacheVsShadowSync.counts.pending === 0 && report;
        },
        { withinMs: limitMs, what: "all repairs to reach the store" },
      );
      const watch = await backends.watchWrites();
      const again = await repairAll();
      const written = await watch.end();

      // What is on the way is brought to the store by a repair, and a row that is corrupt is for a person to judge.
      expect(matrixOf([after]).issues).toEqual(
        expectedOf(planted, (drift) => drift.after ?? "ok").issues,
      );
      expect(new Set(again.map(({ action }) => action))).toEqual(new Set(["none"]));
      expect(written).toEqual([]);
    },
    limitMs,
  );

  it("is watched by what sees a write on either server", async () => {
    const lockstep = await backends.open(still);

    const watch = await backends.watchWrites();
    await lockstep.call("kv_set", { key: "user:1", value: "v" });
    const written = await watch.end();

    expect(written).toEqual(
      expect.arrayContaining([
        expect.stringContaining("redis SET user:1"),
        "mongodb update kvshadow",
      ]),
    );
  });
});
