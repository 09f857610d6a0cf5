import { z } from "zod";
import type { Reconciliation } from "../src/models/model-reconciler.ts";
import { overwrites } from "./annotations.ts";
import { roundedMs } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

const totals = {
  created: z.number().describe("Entries written for documents that had none."),
  updated: z
    .number()
    .describe("Entries written from newer documents, and documents from newer entries."),
  removed: z.number().describe("Entries removed whose document does not exist."),
  skipped: z.number().describe("Left as they are; the sum of the six reasons."),
  missingTimestamps: z
    .number()
    .describe("Skipped: neither version nor timestamp could be compared."),
  otherType: z.number().describe("Skipped: the key holds another Redis type."),
  undecodable: z
    .number()
    .describe("Skipped: the entry cannot be read, and the model has the cache win."),
  withoutKey: z
    .number()
    .describe("Skipped: documents that lack a field of the key, or have one that does not fit."),
  lockstepKeys: z
    .number()
    .describe("Skipped: the key is Lockstep's own (kv_set), which is no entry of the model."),
  keptOrphans: z
    .number()
    .describe("Skipped: entries without a document, where the model keeps them."),
  tookMs: z.number(),
};

export const reconcileModel = defineTool({
  name: "reconcile_model",
  title: "Reconcile cached documents",
  description:
    "Brings the Redis entries of declared MongoDB collections and their documents together: writes missing entries, brings the older copy up to the newer by version, then timestamp, and removes entries without a document. Never replaces a newer copy by an older one unless force is set. Goes on where an earlier call stopped. checkOnly tells what it would do and writes nothing.",
  input: z.strictObject({
    model: fields.model,
    force: z
      .boolean()
      .default(false)
      .describe("true: the document is right, also where its entry looks newer."),
    batchSize: z.int().min(1).max(1_000).default(100).describe("Documents read at once."),
    maxInstances: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe(
        "At most so many documents and orphaned entries of each model; the next call goes on from there. Default: 1,000, and all with checkOnly, which keeps no place.",
      ),
    checkOnly: z.boolean().default(false).describe("true: says what it would do, writes nothing."),
  }),
  output: z.strictObject({
    checkOnly: z.boolean(),
    complete: z.boolean().describe("Whether the end of every model was reached."),
    ...totals,
    models: z
      .array(
        z.strictObject({
          model: z.string(),
          checked: z.number().describe("Documents, and entries without one, looked at."),
          ...totals,
          conflicts: z
            .number()
            .describe("Locked by somebody else for ten seconds, or changed all the time."),
          errors: z.number().describe("Documents that could not be written; the log says why."),
          complete: z
            .boolean()
            .describe("Whether the end was reached; if not, the next call goes on from there."),
          notLookedAt: z
            .string()
            .nullable()
            .describe("What this call was not allowed to look at any more; null where complete."),
          resumed: z
            .boolean()
            .describe(
              "Whether it went on where an earlier call had stopped, within a day; what that one looked at is in none of these counts.",
            ),
          resumedFrom: z.string().nullable().describe("Where that was; null = the beginning."),
          skippedKeys: z
            .array(z.strictObject({ key: z.string(), why: z.string() }))
            .describe("At most 100 keys that were skipped, except orphans that are kept."),
          truncated: z.boolean(),
        }),
      )
      .describe("With checkOnly, the changes are those that would have been made."),
  }),
  annotations: overwrites,
  async handle(
    { model, checkOnly, ...options },
    { models, modelReconciler }: Pick<Services, "models" | "modelReconciler">,
    { signal, progress },
  ) {
    const reconciled: ReturnType<typeof answerOf>[] = [];
    for (const { name } of models.select(model)) {
      const answer = await modelReconciler.reconcile(name, {
        ...options,
        checkOnly,
        signal,
        progress,
      });
      reconciled.push(answerOf(answer));
    }
    const sum = (name: keyof typeof totals) =>
      reconciled.reduce((so, answer) => so + answer[name], 0);
    return {
      checkOnly,
      complete: reconciled.every(({ complete }) => complete),
      created: sum("created"),
      updated: sum("updated"),
      removed: sum("removed"),
      skipped: sum("skipped"),
      missingTimestamps: sum("missingTimestamps"),
      otherType: sum("otherType"),
      undecodable: sum("undecodable"),
      withoutKey: sum("withoutKey"),
      lockstepKeys: sum("lockstepKeys"),
      keptOrphans: sum("keptOrphans"),
      tookMs: sum("tookMs"),
      models: reconciled,
    };
  },
});

function answerOf({ skippedKeys, tookMs, ...done }: Reconciliation) {
  return { ...done, skippedKeys: [...skippedKeys], tookMs: roundedMs(tookMs) };
}
