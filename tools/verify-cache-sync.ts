import { z } from "zod";
import { reads } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { classCounts, copyClass } from "./copy-class.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const verifyCacheSync = defineTool({
  name: "verify_cache_sync",
  title: "Verify cache against store",
  description:
    "Compares every key's cached and stored copy, contents included, and names what differs. Writes in flight are never counted as issues. Changes nothing.",
  input: z.strictObject({ prefix: fields.prefix }),
  output: z.strictObject({
    unprocessedOutboxEvents: z
      .number()
      .describe("Events not applied yet, and writes that their call left in the journal."),
    cacheVsShadowSync: z.strictObject({
      allInSync: z.boolean(),
      keysChecked: z.number(),
      counts: classCounts,
      mismatches: z
        .array(z.strictObject({ key: z.string(), class: copyClass }))
        .describe("At most 100; verify_key_sync explains one, force_sync_repair mends it."),
      truncated: z.boolean(),
    }),
    staleEntriesCheck: z
      .strictObject({
        staleKeys: z.array(z.string()),
        staleCount: z.number(),
        thresholdHours: z.number(),
      })
      .describe("Keys not written for longer than the threshold: information, not an issue."),
    overallSyncHealth: z.enum(["HEALTHY", "ISSUES_DETECTED"]),
    tookMs: z.number(),
  }),
  annotations: reads,
  async handle(
    { prefix },
    { cacheVerifier }: Pick<Services, "cacheVerifier">,
    { signal, progress },
  ) {
    const report = await cacheVerifier.verify({
      signal,
      progress,
      ...(prefix === undefined ? {} : { prefix }),
    });
    return {
      unprocessedOutboxEvents: report.unprocessedOutboxEvents,
      cacheVsShadowSync: {
        allInSync: report.healthy,
        keysChecked: report.keysChecked,
        counts: report.counts,
        mismatches: report.mismatches.map((found) => ({ key: found.key, class: found.copyClass })),
        truncated: report.truncated,
      },
      staleEntriesCheck: {
        staleKeys: [...report.stale.keys],
        staleCount: report.stale.count,
        thresholdHours: report.stale.thresholdHours,
      },
      overallSyncHealth: report.healthy ? ("HEALTHY" as const) : ("ISSUES_DETECTED" as const),
      tookMs: roundedMs(report.tookMs),
    };
  },
});
