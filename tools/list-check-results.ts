import { z } from "zod";
import { type Findings, JOBS } from "../src/jobs/check-result.ts";
import { reads } from "./annotations.ts";
import { isoTime } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

const figures = z.strictObject({
  checked: z.number().describe("Copies that were looked at."),
  consistent: z.number(),
  inconsistent: z.number(),
  missing: z.number().describe("Copies that one side should have and has not."),
  orphaned: z.number().describe("Cached copies of what the store does not have."),
  ratio: z
    .number()
    .nullable()
    .describe("Share of sound copies; null where there was none to look at."),
  interval: z
    .strictObject({ low: z.number(), high: z.number() })
    .nullable()
    .describe("Where the share of all copies lies, with 95 % confidence."),
  classes: z
    .record(z.string(), z.number())
    .describe("Keys of each class of issue, as verify_cache_sync names them; of models none."),
});

const reconciled = z.strictObject({
  checked: z.number(),
  created: z.number(),
  updated: z.number(),
  removed: z.number(),
  skipped: z.number(),
  errors: z.number(),
  complete: z.boolean().describe("Whether all was seen to, and not only as much as one run may."),
});

export const listCheckResults = defineTool({
  name: "list_check_results",
  title: "List results of checks",
  description:
    "Lists what the checks that run by themselves have found, newest first: the health check, the scheduled check and reconciliation, and samples. Of all processes on the same store.",
  input: z.strictObject({
    model: z
      .string()
      .min(1)
      .optional()
      .describe("Only of this model; kv = the keys of cache and store. Leave out for all."),
    job: z.enum(JOBS).optional().describe("Only of this job. Leave out for all."),
    limit: z
      .number()
      .int()
      .min(1)
      .max(200)
      .default(20)
      .describe("At most this many results in one answer."),
    cursor: fields.cursor,
  }),
  output: z.strictObject({
    results: z.array(
      z.strictObject({
        job: z.enum(JOBS),
        model: z.string().describe("kv = the keys of cache and store."),
        prefix: z
          .string()
          .nullable()
          .describe("Where only keys that begin with it were looked at."),
        at: z.string().describe("When it began."),
        outcome: z.enum(["good", "drift", "failed"]),
        reason: z.string().describe("Why it was looked at, and why at so many."),
        by: z.string().describe("Which process did it."),
        tookMs: z.number(),
        figures: figures.nullable().describe("null where nothing was looked at."),
        reconciled: reconciled
          .nullable()
          .describe("What was mended; null where nothing was to be."),
        error: z.string().nullable().describe("What stopped it."),
      }),
    ),
    truncated: z.boolean().describe("Whether there are more than this answer lists."),
    cursor: z.string().nullable().describe("Where to go on; null at the end."),
  }),
  annotations: reads,
  async handle({ model, job, limit, cursor }, { checkResults }: Pick<Services, "checkResults">) {
    const page = await checkResults.list({
      limit,
      ...(model === undefined ? {} : { model }),
      ...(job === undefined ? {} : { job }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return {
      results: page.results.map((result) => ({
        job: result.job,
        model: result.model,
        prefix: result.prefix,
        at: isoTime(result.atMs),
        outcome: result.outcome,
        reason: result.reason,
        by: result.by,
        tookMs: result.tookMs,
        figures: result.findings === null ? null : figuresOf(result.findings),
        reconciled: result.reconciled,
        error: result.error,
      })),
      truncated: page.cursor !== undefined,
      cursor: page.cursor ?? null,
    };
  },
});

function figuresOf(findings: Findings) {
  const { checked, consistent, inconsistent, missing, orphaned, ratio, interval, classes } =
    findings;
  return { checked, consistent, inconsistent, missing, orphaned, ratio, interval, classes };
}
