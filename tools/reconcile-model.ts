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
  skipped: z.number().describe("Left as they are: nothing tells the newer, or the model says so."),
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
      .default(1_000)
      .describe(
        "At most so many documents and orphaned entries of each model; the next call goes on from there.",
      ),
    checkOnly: z.boolean().default(false).describe("true: says what it would do, writes nothing."),
  }),
  output: z.strictObject({
    checkOnly: z.boolean(),
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
          missingTimestamps: z
            .number()
            .describe("Of those skipped: neither version nor timestamp could be compared."),
          errors: z.number().describe("Documents that could not be written; the log says why."),
          complete: z
            .boolean()
            .describe("Whether the end was reached; if not, the next call goes on from there."),
          resumed: z.boolean().describe("Whether it went on where an earlier call had stopped."),
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
    const reconciled: Reconciliation[] = [];
    for (const { name } of models.select(model)) {
      const answer = await modelReconciler.reconcile(name, {
        ...options,
        checkOnly,
        signal,
        progress,
      });
      reconciled.push({ ...answer, tookMs: roundedMs(answer.tookMs) });
    }
    const sum = (name: keyof typeof totals) =>
      reconciled.reduce((so, answer) => so + answer[name], 0);
    return {
      checkOnly,
      created: sum("created"),
      updated: sum("updated"),
      removed: sum("removed"),
      skipped: sum("skipped"),
      tookMs: sum("tookMs"),
      models: reconciled,
    };
  },
});
