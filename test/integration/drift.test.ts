import { expect, it } from "@jest/globals";
import { isIssue } from "../../src/verify/classify.ts";
import { ToolFailure } from "../support/lockstep/caller.ts";
import type { OpenLockstep } from "../support/lockstep/open-lockstep.ts";
import { everyDrift, Gardener } from "../support/lockstep/planted-drift.ts";
import { undo } from "../support/lockstep/undo.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { issuesIn } from "../support/lockstep/verify-modes.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The journal is swept only when a test says so, so that what was planted stays as it is. */
const noSweep = { LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000" };

describeWith(["redis", "mongodb"], "drift between a pinned Redis and MongoDB", () => {
  const backends = useBackends();

  it.each(everyDrift)("is named and mended: $what", async (drift) => {
    const { plant, verdict, action, value, undone, after = "ok" } = drift;
    const lockstep = await backends.open(noSweep);
    const gardener = new Gardener(backends, lockstep);
    const key = "planted";
    await gardener.set("another", "untouched");
    await plant(gardener, key);

    const report = await lockstep.call("verify_cache_sync");
    const one = await lockstep.call("verify_key_sync", { key });

    expect(one).toMatchObject({ verdict, inSync: !isIssue(verdict) });
    expect(report).toMatchObject({
      overallSyncHealth: isIssue(verdict) ? "ISSUES_DETECTED" : "HEALTHY",
      cacheVsShadowSync: {
        allInSync: !isIssue(verdict),
        mismatches: isIssue(verdict) ? [{ key, class: verdict }] : [],
      },
    });

    const before = await gardener.picture(key);
    const dry = await lockstep.call("force_sync_repair", { key, dryRun: true });
    expect(await gardener.picture(key)).toEqual(before);
    expect(dry).toMatchObject({ action, after: null });

    const repair = await lockstep.call("force_sync_repair", { key });
    const { cacheValue, shadowValue, cacheVersion, shadowVersion } = one;
    expect(repair).toMatchObject({
      action,
      before: { verdict, cacheValue, shadowValue, cacheVersion, shadowVersion },
      after: { verdict: after },
    });
    expect(repair.undo?.arguments.value).toBe(undone);
    expect(await readOf(lockstep, key)).toBe(after === "corrupt" ? "VALUE_CORRUPT" : value);
    const { overallSyncHealth } = await lockstep.call("verify_cache_sync");
    expect(overallSyncHealth).toBe(isIssue(after) ? "ISSUES_DETECTED" : "HEALTHY");

    // An event that another process holds is in the outbox for as long, also once it is overtaken.
    expect(await undo(lockstep, repair)).toEqual(
      undone === undefined
        ? undefined
        : { value: undone, verdict: after === "pending" ? "pending" : "ok" },
    );
    expect(await lockstep.call("kv_get", { key: "another" })).toMatchObject({ value: "untouched" });
  });
});

describeWith(["redis", "mongodb"], "drift between an unpinned Redis and MongoDB", () => {
  const backends = useBackends({
    args: ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"],
  });

  it("is named and mended all at once", async () => {
    // An issue counts only after the longest call, which each verification waits for.
    const lockstep = await backends.open({ ...noSweep, LOCKSTEP_SYNC_TIMEOUT_MS: "300" });
    const gardener = new Gardener(backends, lockstep);
    const planted = everyDrift
      .filter(({ needsPinned }) => needsPinned !== true)
      .map((drift) => ({ ...drift, key: drift.what }));
    for (const { plant, key } of planted) await plant(gardener, key);

    const report = await lockstep.call("verify_cache_sync");

    const issues = planted.filter(({ verdict }) => isIssue(verdict));
    const expected = issues.map(({ key, verdict }) => `${key}: ${verdict}`);
    expect(issuesIn([report])).toEqual(expected.toSorted());
    await Promise.all(
      planted.map(async ({ key, action, value, undone, after = "ok" }) => {
        const repair = await lockstep.call("force_sync_repair", { key });
        expect(repair).toMatchObject({ key, action, after: { verdict: after } });
        expect(repair.undo?.arguments.value).toBe(undone);
        expect(await readOf(lockstep, key)).toBe(after === "corrupt" ? "VALUE_CORRUPT" : value);
      }),
    );
    const afterwards = await lockstep.call("verify_cache_sync");
    const left = planted.filter(({ after = "ok" }) => isIssue(after));
    expect(issuesIn([afterwards])).toEqual(
      left.map(({ key, after }) => `${key}: ${after}`).toSorted(),
    );
  });
});

describeWith(["redis", "mongodb"], "a write that waits for MongoDB", () => {
  const backends = useBackends();

  it("is overdue once it waits longer than the objective, and can be synced at once", async () => {
    const lockstep = await backends.open({ ...noSweep, LOCKSTEP_SYNC_OBJECTIVE_MS: "200" });
    await new Gardener(backends, lockstep).setUnsynced("late", "v");

    const overdue = await waitUntil(async () => {
      const report = await lockstep.call("verify_key_sync", { key: "late" });
      return report.verdict === "overdue" && report;
    });

    expect(overdue.inSync).toBe(false);
    const report = await lockstep.call("verify_cache_sync");
    expect(report.cacheVsShadowSync.mismatches).toEqual([{ key: "late", class: "overdue" }]);
    const repair = await lockstep.call("force_sync_repair", { key: "late" });
    expect(repair).toMatchObject({ action: "sync_now", after: { verdict: "ok" } });
    expect(await backends.markers()).toBe(0);
  });
});

/** What a reader is told: the value, or that there is none; of what does not match its own hash, that it is corrupt. */
async function readOf(lockstep: OpenLockstep, key: string): Promise<string | null> {
  try {
    return (await lockstep.call("kv_get", { key })).value;
  } catch (error) {
    if (error instanceof ToolFailure) return error.code;
    throw error;
  }
}
