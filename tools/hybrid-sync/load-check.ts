import { z } from "zod";
import { reads } from "../annotations.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
import type { Services } from "../services.ts";

export const hybridSyncLoadCheck = defineTool({
  name: "hybrid_sync_load_check",
  title: "Judge the load",
  description:
    "Says whether this process is under high load, from which figures and thresholds, and which way a write would go now.",
  input: z.strictObject({}),
  output: z.strictObject({
    highLoad: z.boolean(),
    reason: z.string(),
    inputs: z.strictObject({
      poolUtilization: z
        .number()
        .describe("Direct syncs running, as a share of the maximum (0 to 1)."),
      queued: z.number().describe("Direct syncs waiting."),
      unprocessed: z
        .number()
        .describe("Events that the store's copy does not have yet, as last counted."),
    }),
    thresholds: z.strictObject({
      poolRatio: z.number().describe("High at this share or more."),
      queued: z.number().describe("High above this many."),
      unprocessed: z.number().describe("High above this many."),
    }),
    wouldUse: fields.method,
  }),
  annotations: reads,
  handle: (_args, { load }: Pick<Services, "load">) => load.report(),
});
