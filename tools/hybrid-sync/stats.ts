import { z } from "zod";
import type { RecoveryReport } from "../../src/sync/recovery-stats.ts";
import { reads } from "../annotations.ts";
import { isoTime } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
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
    cacheCircuit: z
      .enum(["closed", "half-open", "open"])
      .nullable()
      .describe(
        "The same of Redis: while it is open, reads are answered by the store and writes are refused at once. null: no Redis.",
      ),
    pressure: z
      .strictObject({
        level: fields.pressureLevel,
        slowed: z.number().describe("Writes that were kept waiting."),
        refused: z.number().describe("Writes that were refused with OVERLOADED."),
      })
      .describe("What new writes meet now, and have met."),
    alerts: z
      .strictObject({
        delivered: z.number().describe("To each way that is configured."),
        failed: z.number().describe("After all attempts; the next health check tries again."),
      })
      .nullable()
      .describe("Of the health checks of this process; null where no way is configured."),
    mode: z.enum(["hybrid", "event-only"]),
    recovery: z
      .strictObject({
        buckets: z.number().describe("Parts of the cache that this process has put right."),
        lastAt: z.string().nullable(),
        dropped: z.number().describe("Cached copies that were older than the store's."),
        setAside: z
          .number()
          .describe("Copies that may have been deleted since; kept for a day under lockstep:a:."),
        lostWrites: z
          .number()
          .describe("Writes that this process acknowledged from the journal and Redis lost."),
        lost: z
          .array(z.strictObject({ key: z.string(), version: z.string() }))
          .describe("The latest of them."),
      })
      .nullable()
      .describe("After Redis lost state; null without Redis."),
    pid: z.number(),
    since: z.string().describe("When this process began to count."),
  }),
  annotations: reads,
  async handle(_args, { syncReporter }: Pick<Services, "syncReporter">) {
    const { pool, backlog, recovery, alerts, sinceMs, ...rest } = await syncReporter.report();
    return {
      ...rest,
      alerts: alerts ?? null,
      recovery: recovery === undefined ? null : recoveryAnswer(recovery),
      pool: { ...pool, utilization: pool.active / pool.max },
      unprocessedOutboxEvents: backlog?.unprocessed ?? null,
      pending: backlog?.pending ?? null,
      since: isoTime(sinceMs),
    };
  },
});

function recoveryAnswer({ lastAtMs, lost, lostWrites, ...counts }: RecoveryReport) {
  return {
    ...counts,
    lastAt: lastAtMs === null ? null : isoTime(lastAtMs),
    lostWrites: lost,
    lost: [...lostWrites],
  };
}
