import { z } from "zod";
import { notes } from "./annotations.ts";
import { isoTime, roundedMs } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import { plannedKey, repairStrategy, tally } from "./repair-fields.ts";
import type { Services } from "./services.ts";

export const planSyncRepair = defineTool({
  name: "plan_sync_repair",
  title: "Plan repairs",
  description:
    "Finds drift and says what would mend it, key by key, for apply_sync_repair to do. Changes no key; keeps the plan for an hour. Only drift is planned for: writes in flight, evicted keys and other programs' values are left out (force_sync_repair takes one of those when asked).",
  input: z.strictObject({ prefix: fields.prefix, strategy: repairStrategy }),
  output: z.strictObject({
    planId: z
      .string()
      .nullable()
      .describe("For apply_sync_repair and undo_sync_repair; null where there is nothing to do."),
    strategy: z.string(),
    digest: z
      .string()
      .nullable()
      .describe("Of everything that was seen of the plan's keys; equal plans have equal ones."),
    repairs: z
      .number()
      .describe(
        "Keys that applying it would repair, at most 1,000; what it can do nothing about does not count.",
      ),
    keysChecked: z.number(),
    byClass: tally.describe("Drifted keys by class."),
    byAction: tally.describe(
      "The same keys by what would be done; none: nothing, by this strategy.",
    ),
    keys: z
      .array(plannedKey)
      .describe("The first 100 of them, those that it repairs before the others."),
    truncated: z.boolean().describe("There is more drift than the plan repairs, or than it names."),
    expiresAt: z.string().describe("Until when it can be applied."),
    tookMs: z.number(),
  }),
  annotations: notes,
  async handle(
    { prefix, strategy },
    { repairPlanner }: Pick<Services, "repairPlanner">,
    { signal, progress },
  ) {
    const { expiresAtMs, tookMs, keys, byClass, byAction, ...plan } = await repairPlanner.plan({
      strategy,
      signal,
      progress,
      ...(prefix === undefined ? {} : { prefix }),
    });
    return {
      ...plan,
      byClass: { ...byClass },
      byAction: { ...byAction },
      keys: keys.map(({ key, copyClass, action }) => ({ key, class: copyClass, action })),
      expiresAt: isoTime(expiresAtMs),
      tookMs: roundedMs(tookMs),
    };
  },
});
