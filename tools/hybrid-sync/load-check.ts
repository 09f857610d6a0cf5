import { z } from "zod";
import { reads } from "../annotations.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
import type { Services } from "../services.ts";

export const hybridSyncLoadCheck = defineTool({
  name: "hybrid_sync_load_check",
  title: "Judge the load",
  description:
    "Says whether this process is under high load, from which figures and thresholds, and which way a write would go now; and whether what waits for the store leaves room for new writes.",
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
    pressure: z
      .strictObject({
        level: fields.pressureLevel,
        reason: z.string(),
        inputs: z.strictObject({
          memoryRatio: z
            .number()
            .nullable()
            .describe(
              "Of the memory that Redis may use, the share that it cannot let go (under volatile-* an estimate); null where that has no limit, or Redis may drop anything.",
            ),
          unsyncedMb: z.number().describe("What only Redis has and the store does not, about; MB."),
          unsyncedAgeSec: z
            .number()
            .nullable()
            .describe("How long the oldest of it has waited, seconds; null = there is none."),
          outboxEvents: z.number().describe("Outbox events unprocessed, as last counted."),
        }),
        thresholds: z
          .strictObject({
            memoryRatio: z.number(),
            unsyncedMb: z.number(),
            unsyncedAgeSec: z.number(),
            outboxEvents: z.number(),
          })
          .describe("New writes are refused from here on; 0 = never for this reason."),
      })
      .describe("Whether new writes are slowed down or refused, and why."),
  }),
  annotations: reads,
  async handle(_args, { load, pressure }: Pick<Services, "load" | "pressure">) {
    const judged = await load.report();
    const { level, reason, inputs, thresholds } = await pressure.report();
    const { memoryRatio, unsyncedBytes, oldestUnsyncedMs, events } = inputs;
    return {
      ...judged,
      pressure: {
        level,
        reason,
        inputs: {
          memoryRatio: memoryRatio === null ? null : Math.round(memoryRatio * 1000) / 1000,
          unsyncedMb: Math.round(unsyncedBytes / 1024 / 10.24) / 100,
          unsyncedAgeSec: oldestUnsyncedMs === null ? null : Math.round(oldestUnsyncedMs / 1000),
          outboxEvents: events,
        },
        thresholds,
      },
    };
  },
});
