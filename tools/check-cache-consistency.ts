import { z } from "zod";
import { reads } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const checkCacheConsistency = defineTool({
  name: "check_cache_consistency",
  title: "Check cached documents",
  description:
    "Compares the Redis entries of declared MongoDB collections with their documents, by sample or all of them, and names what differs. What is being written just then is looked at again and does not count. Changes nothing; reconcile_model puts right what it finds.",
  input: z.strictObject({
    model: fields.model,
    sampleSize: z
      .int()
      .min(1)
      .max(100_000)
      .default(100)
      .describe("So many entries, and so many documents, are taken by chance."),
    all: z.boolean().default(false).describe("true: every document and every entry instead."),
  }),
  output: z.strictObject({
    models: z.array(
      z.strictObject({
        model: z.string(),
        checked: z.number().describe("Documents and entries that were looked at."),
        consistent: z.number().describe("Entries that say what their document says."),
        inconsistent: z.number().describe("Entries that say something else, or cannot be read."),
        missing: z
          .number()
          .describe(
            "Documents without an entry, of those looked at: no fault where the application caches what it is asked for.",
          ),
        orphaned: z.number().describe("Entries whose document does not exist."),
        orphanedAtMost: z
          .boolean()
          .describe(
            "true: there are more than 100,000 of them, and Redis may have named some of those twice.",
          ),
        lockstepKeys: z
          .number()
          .describe(
            "Keys of the model's form that Lockstep keeps itself (kv_set), and no entries; in none of the other counts.",
          ),
        lockstepKeyNames: z.array(z.string()).describe("At most 100 of those."),
        inMotion: z
          .number()
          .describe("Entries that changed from look to look; in none of the other counts."),
        withoutKey: z
          .number()
          .describe("Documents that lack a field of the key, or have one that does not fit in it."),
        missingTimestamps: z
          .number()
          .describe("Of the inconsistent: nothing tells which copy is the newer."),
        ratio: z
          .number()
          .nullable()
          .describe(
            "consistent / (consistent + inconsistent + orphaned): the share of entries that are right. Missing ones do not count. null = no entries.",
          ),
        interval: z
          .strictObject({ low: z.number(), high: z.number() })
          .describe("Where the ratio of all entries lies with 95 % confidence (Wilson)."),
        drift: z
          .array(z.strictObject({ key: z.string(), cause: z.string() }))
          .describe("At most 100 keys that are inconsistent or orphaned."),
        truncated: z.boolean(),
        tookMs: z.number(),
      }),
    ),
  }),
  annotations: reads,
  async handle(
    { model, sampleSize, all },
    { models, modelChecker }: Pick<Services, "models" | "modelChecker">,
    { signal, progress },
  ) {
    const checks = [];
    for (const { name } of models.select(model)) {
      const check = await modelChecker.check(name, { sampleSize, all, signal, progress });
      checks.push({
        ...check,
        drift: [...check.drift],
        lockstepKeyNames: [...check.lockstepKeyNames],
        tookMs: roundedMs(check.tookMs),
      });
    }
    return { models: checks };
  },
});
