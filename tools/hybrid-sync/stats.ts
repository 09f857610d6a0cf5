import { z } from "zod";
import { reads } from "../annotations.ts";
import { isoTime } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import type { Services } from "../services.ts";

const rate = z
  .number()
  .nullable()
  .describe("Of the direct syncs tried, 0 to 1; null before the first.");
const latency = z.number().nullable();

export const hybridSyncStats = defineTool({
  name: "hybrid_sync_stats",
  title: "Show sync statistics",
  description:
    "Shows what this process has done since it started: the direct-sync pool, success and failure rates, writes by method, latencies, and what the store's copy does not have yet.",
  input: z.strictObject({}),
  output: z.strictObject({
    pool: z.strictObject({
      active: z.number(),
      max: z.number(),
      queued: z.number(),
      utilization: z.number().describe("active / max."),
    }),
    successRate: rate,
    failureRate: rate,
    methods: z
      .strictObject({ ASYNC_THREAD: z.number(), EVENT_BASED: z.number() })
      .describe("Acknowledged writes by the way they went."),
    latencyMs: z
      .strictObject({ mean: latency, p50: latency, p99: latency })
      .describe("Of acknowledged writes; null before the first."),
    unprocessedOutboxEvents: z
      .number()
      .nullable()
      .describe(
        "Events not applied yet, and writes that their call left in the journal; null while a store does not answer.",
      ),
    pending: z
      .number()
      .nullable()
      .describe("Writes still in their direct call; null while a store does not answer."),
    circuit: z
      .enum(["closed", "half-open", "open"])
      .describe(
        "open: the store did not answer several times in a row and is left alone for a moment.",
      ),
    mode: z.enum(["hybrid", "event-only"]),
    pid: z.number(),
    since: z.string().describe("When this process began to count."),
  }),
  annotations: reads,
  async handle(_args, { syncReporter }: Pick<Services, "syncReporter">) {
    const { pool, backlog, sinceMs, ...rest } = await syncReporter.report();
    return {
      ...rest,
      pool: { ...pool, utilization: pool.active / pool.max },
      unprocessedOutboxEvents: backlog?.unprocessed ?? null,
      pending: backlog?.pending ?? null,
      since: isoTime(sinceMs),
    };
  },
});
