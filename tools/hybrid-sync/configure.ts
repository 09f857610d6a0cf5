import { z } from "zod";
import type { SettingSource } from "../../src/load/live-settings.ts";
import { eachSetting, type SettingsChange } from "../../src/model/sync-settings.ts";
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
    "Shows how writes are synchronised, or changes it while the servers run: direct first (hybrid) or by event only, from which load on a write goes as an event, and from how full on new writes are refused. A change is kept in the store, and every process on that store goes by it within 5 seconds, until it is changed again. null takes a setting back to its default. Without arguments it changes nothing.",
  input: z.strictObject({
    mode: z
      .enum(["hybrid", "event-only"])
      .nullable()
      .optional()
      .describe(
        "hybrid: straight to the store first, an event where that fails or the load is high. event-only: always an event. null: the default.",
      ),
    poolRatio: share("Load is high when this share of the direct syncs, or more, is busy."),
    queued: limit("Load is high when more than this many direct syncs wait."),
    unprocessed: limit("Load is high when more than this many events are unprocessed."),
    memoryRatio: share(
      "New writes are refused when Redis cannot let go of this share of its memory, and slowed down before.",
    ),
    unsyncedMb: limit("The same when about this many MB wait for the store in Redis; 0: no limit."),
    unsyncedAgeSec: limit(
      "The same when the oldest write has waited for the store this many seconds; 0: no limit.",
    ),
    outboxEvents: limit("The same when this many outbox events are unprocessed; 0: no limit."),
  }),
  output: z.strictObject({
    mode: z.enum(["hybrid", "event-only"]),
    poolRatio: z.number(),
    queued: z.number(),
    unprocessed: z.number(),
    memoryRatio: z.number(),
    unsyncedMb: z.number(),
    unsyncedAgeSec: z.number(),
    outboxEvents: z.number(),
    sources: z
      .strictObject(eachSetting(() => source))
      .describe("Where each setting comes from, and since when and by whom it is set."),
    revision: z.number().describe("Grows with each change; 0 before the first."),
    warning: z.string().optional(),
  }),
  annotations: changes,
  async handle(args, { settings }: Pick<Services, "settings">) {
    const named = Object.entries(args).filter(([, value]) => value !== undefined);
    const change: SettingsChange = Object.fromEntries(named);
    const { inForce, sources, revision, warning } = await settings.configure(change);
    return {
      ...inForce,
      sources: eachSetting((name) => sourceAnswer(sources[name])),
      revision,
      ...(warning === undefined ? {} : { warning }),
    };
  },
});

function limit(description: string) {
  return z.number().int().min(0).max(COUNT_MAX).nullable().optional().describe(description);
}

function share(description: string) {
  return z.number().gt(0).max(1).nullable().optional().describe(description);
}

function sourceAnswer({ source: from, atMs, by }: SettingSource) {
  return { source: from, setAt: atMs === null ? null : isoTime(atMs), setBy: by };
}
