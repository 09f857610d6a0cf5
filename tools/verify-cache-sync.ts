import { z } from "zod";
import type { SyncReport } from "../src/verify/cache-verifier.ts";
import { describeCoverage } from "../src/verify/describe-coverage.ts";
import { reads } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { classCounts, copyClass } from "./copy-class.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

const share = z.number().min(0).max(1);

export const verifyCacheSync = defineTool({
  name: "verify_cache_sync",
  title: "Verify cache against store",
  description:
    "Compares every key's cached and stored copy, contents included, and names what differs. Writes in flight are never counted as issues. Can stop at a limit and go on later, look at a random sample, or leave the values where they are. Changes nothing.",
  input: z.strictObject({
    mode: z
      .enum(["full", "sample"])
      .default("full")
      .describe(
        "full: every key. sample: some that chance picks, and what they say about the rest.",
      ),
    prefix: fields.prefix,
    contents: z
      .boolean()
      .optional()
      .describe(
        "true, as where it is left out: compare the values. false: only versions, hashes as they were written, deadlines and lengths, so that no large value is moved; coverage.cannotSee says what that misses.",
      ),
    sampleSize: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe("Mode sample: how many keys; 1000 where it is left out."),
    limit: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe(
        "Mode full: look at about this many keys in this call (on the cache's side, pages of about 1000), and answer a cursor if there are more.",
      ),
    cursor: z
      .string()
      .optional()
      .describe(
        "Mode full: the cursor of an earlier answer, to go on from there, also much later. It carries prefix and contents.",
      ),
  }),
  output: z.strictObject({
    unprocessedOutboxEvents: z
      .number()
      .describe("Events not applied yet, and writes that their call left in the journal."),
    cacheVsShadowSync: z
      .strictObject({
        allInSync: z.boolean(),
        keysChecked: z.number(),
        counts: classCounts,
        mismatches: z
          .array(z.strictObject({ key: z.string(), class: copyClass }))
          .describe("At most 100; verify_key_sync explains one, force_sync_repair mends it."),
        truncated: z.boolean(),
      })
      .describe("What this call has found."),
    coverage: z
      .strictObject({
        mode: z.enum(["full", "sample"]),
        contents: z.boolean().describe("Whether the values themselves were compared."),
        complete: z
          .boolean()
          .describe("Whether every key was checked, by this call or those that it goes on from."),
        keysChecked: z.number().describe("By this call and those that it goes on from."),
        issues: z.number().describe("Found by this call and those that it goes on from."),
        says: z.string().describe("In a sentence, what may be concluded from this answer."),
        cannotSee: z
          .string()
          .nullable()
          .describe("What this kind of comparison misses; null: nothing."),
      })
      .describe("How far the answer goes."),
    sample: z
      .strictObject({
        keysInAll: z.number().describe("Keys on both sides together, about."),
        driftRate: share.describe("Of the sampled keys."),
        interval: z
          .strictObject({ low: share, high: share })
          .describe("Where the drift rate of all keys lies, with 95 % confidence (Wilson)."),
        smallestVisibleRate: share.describe(
          "A drift rarer than this would probably have gone unseen: only from here on a sample of this size meets it in 95 of 100 cases.",
        ),
      })
      .nullable()
      .describe("null in mode full."),
    staleEntriesCheck: z
      .strictObject({
        staleKeys: z.array(z.string()),
        staleCount: z.number(),
        thresholdHours: z.number(),
      })
      .describe("Keys not written for longer than the threshold: information, not an issue."),
    orphanedEntriesCheck: z
      .strictObject({
        orphanedKeys: z.array(z.string()).describe("At most 100."),
        orphanedCount: z.number(),
        namespaces: z
          .array(z.string())
          .describe("What known keys begin with (LOCKSTEP_NAMESPACES); none: all keys are known."),
      })
      .describe(
        "Keys that the store holds outside every known namespace, of those that this call has looked at: a warning, not an issue.",
      ),
    overallSyncHealth: z
      .enum(["HEALTHY", "ISSUES_DETECTED"])
      .describe("Of all that coverage counts: HEALTHY says nothing of keys that were not checked."),
    cursor: z.string().nullable().describe("Where to go on; null at the end, and for a sample."),
    tookMs: z.number(),
  }),
  annotations: reads,
  async handle(
    { contents, ...asked },
    { cacheVerifier }: Pick<Services, "cacheVerifier">,
    { signal, progress },
  ) {
    const report = await cacheVerifier.verify({
      ...asked,
      compared: contents === undefined ? undefined : contents ? "contents" : "digests",
      signal,
      progress,
    });
    return answerOf(report);
  },
});

function answerOf(report: SyncReport) {
  const { mode, compared, pass, sample, stale } = report;
  return {
    unprocessedOutboxEvents: report.unprocessedOutboxEvents,
    cacheVsShadowSync: {
      allInSync: report.mismatches.length === 0,
      keysChecked: report.keysChecked,
      counts: report.counts,
      mismatches: report.mismatches.map((found) => ({ key: found.key, class: found.copyClass })),
      truncated: report.truncated,
    },
    coverage: {
      mode,
      contents: compared === "contents",
      complete: pass.complete,
      keysChecked: pass.keysChecked,
      issues: pass.issues,
      ...describeCoverage(report),
    },
    sample: sample && {
      keysInAll: sample.population,
      driftRate: sample.driftRate,
      interval: { ...sample.interval },
      smallestVisibleRate: sample.smallestVisibleRate,
    },
    staleEntriesCheck: {
      staleKeys: [...stale.keys],
      staleCount: stale.count,
      thresholdHours: stale.thresholdHours,
    },
    orphanedEntriesCheck: {
      orphanedKeys: [...report.orphaned.keys],
      orphanedCount: report.orphaned.count,
      namespaces: [...report.orphaned.namespaces],
    },
    overallSyncHealth: report.healthy ? ("HEALTHY" as const) : ("ISSUES_DETECTED" as const),
    cursor: pass.cursor,
    tookMs: roundedMs(report.tookMs),
  };
}
