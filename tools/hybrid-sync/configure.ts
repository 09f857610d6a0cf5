import { z } from "zod";
import type { SettingSource } from "../../src/load/live-settings.ts";
import { changes } from "../annotations.ts";
import { isoTime } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import type { Services } from "../services.ts";

const COUNT_MAX = 1_000_000_000;

const source = z.strictObject({
  source: z
    .enum(["default", "run time"])
    .describe("default: this process's environment. run time: set with this tool, for all."),
  setAt: z.string().nullable(),
  setBy: z.string().nullable(),
});

export const hybridSyncConfigure = defineTool({
  name: "hybrid_sync_configure",
  title: "Show or change sync settings",
  description:
    "Shows how writes are synchronised, or changes it while the servers run: direct first (hybrid) or by event only, and from which load on a write goes as an event. A change is kept in the store, and every process on that store goes by it within 5 seconds, until it is changed again. null takes a setting back to its default. Without arguments it changes nothing.",
  input: z.strictObject({
    mode: z
      .enum(["hybrid", "event-only"])
      .nullable()
      .optional()
      .describe(
        "hybrid: straight to the store first, an event where that fails or the load is high. event-only: always an event. null: the default.",
      ),
    poolRatio: z
      .number()
      .gt(0)
      .max(1)
      .nullable()
      .optional()
      .describe("Load is high when this share of the direct syncs, or more, is busy."),
    queued: z
      .number()
      .int()
      .min(0)
      .max(COUNT_MAX)
      .nullable()
      .optional()
      .describe("Load is high when more than this many direct syncs wait."),
    unprocessed: z
      .number()
      .int()
      .min(0)
      .max(COUNT_MAX)
      .nullable()
      .optional()
      .describe("Load is high when more than this many events are unprocessed."),
  }),
  output: z.strictObject({
    mode: z.enum(["hybrid", "event-only"]),
    poolRatio: z.number(),
    queued: z.number(),
    unprocessed: z.number(),
    sources: z
      .strictObject({ mode: source, poolRatio: source, queued: source, unprocessed: source })
      .describe("Where each setting comes from, and since when and by whom it is set."),
    revision: z.number().describe("Grows with each change; 0 before the first."),
    warning: z.string().optional(),
  }),
  annotations: changes,
  async handle({ mode, poolRatio, queued, unprocessed }, { settings }: Pick<Services, "settings">) {
    const change = {
      ...(mode === undefined ? {} : { mode }),
      ...(poolRatio === undefined ? {} : { poolRatio }),
      ...(queued === undefined ? {} : { queued }),
      ...(unprocessed === undefined ? {} : { unprocessed }),
    };
    const { inForce, sources, revision, warning } = await settings.configure(change);
    return {
      ...inForce,
      sources: {
        mode: sourceAnswer(sources.mode),
        poolRatio: sourceAnswer(sources.poolRatio),
        queued: sourceAnswer(sources.queued),
        unprocessed: sourceAnswer(sources.unprocessed),
      },
      revision,
      ...(warning === undefined ? {} : { warning }),
    };
  },
});

function sourceAnswer({ source: from, atMs, by }: SettingSource) {
  return { source: from, setAt: atMs === null ? null : isoTime(atMs), setBy: by };
}
