import { z } from "zod";
import type { CopiesReport } from "../src/verify/repairer.ts";
import { overwrites } from "./annotations.ts";
import { secondsLeft } from "./answers.ts";
import { copyClass } from "./copy-class.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

const copies = z.strictObject({
  verdict: copyClass,
  cacheValue: z.string().nullable(),
  cacheVersion: fields.version.nullable(),
  shadowValue: z.string().nullable(),
  shadowVersion: fields.version.nullable(),
});

const action = z
  .enum([
    "none",
    "sync_now",
    "follow_cache",
    "follow_store",
    "remove",
    "project",
    "drop_copy",
    "drop_marker",
    "stamp",
    "warm",
  ])
  .describe(
    "sync_now: the waiting write went to the store. follow_cache, follow_store: that side's value, newly versioned, on both. remove: deleted on both. project: the cached write went to the store as it is. drop_copy, drop_marker: forgotten in the cache. stamp: the cached value got its version back. warm: the stored value went into the cache.",
  );

export const forceSyncRepair = defineTool({
  name: "force_sync_repair",
  title: "Repair one key",
  description:
    "Brings one key's two copies into agreement. auto believes the cache where its state shows what a person or program did, and never where it is merely empty after an eviction or a restart. A write that comes meanwhile wins. With dryRun it only says what it would do.",
  input: z.strictObject({
    key: fields.key,
    strategy: z
      .enum(["auto", "cache", "store", "newest"])
      .default("auto")
      .describe(
        "auto: by cause. cache: the store is made like the cache (only in the cache → created, only in the store → removed, both → the cache's value). store: the reverse. newest: the side with the later version. A write that is on its way to the store is brought there whatever this says.",
      ),
    dryRun: z.boolean().default(false).describe("Say what would be done and change nothing."),
  }),
  output: z.strictObject({
    key: z.string(),
    action,
    cause: z.string(),
    before: copies,
    after: copies.nullable().describe("What stands there now; null for a dry run."),
    undo: z
      .strictObject({
        tool: z.literal("kv_set"),
        arguments: z.strictObject({
          key: z.string(),
          value: z.string(),
          ttlSec: z.number().optional(),
        }),
      })
      .nullable()
      .describe("The call that brings back what was replaced or removed; null where nothing was."),
  }),
  annotations: overwrites,
  async handle({ key, strategy, dryRun }, { repairer }: Pick<Services, "repairer">) {
    const report = await repairer.repair(key, { strategy, dryRun });
    const { undo } = report;
    const undoTtlSec = secondsLeft(undo?.ttlMs ?? null);
    return {
      key,
      action: report.action,
      cause: report.cause,
      before: copiesAnswer(report.before),
      after: report.after === null ? null : copiesAnswer(report.after),
      undo:
        undo === null
          ? null
          : {
              tool: "kv_set" as const,
              arguments: {
                key,
                value: undo.value,
                ...(undoTtlSec === null ? {} : { ttlSec: undoTtlSec }),
              },
            },
    };
  },
});

function copiesAnswer({ copyClass: verdict, cached, shadow }: CopiesReport) {
  return {
    verdict,
    cacheValue: cached.value?.text ?? null,
    cacheVersion: cached.meta?.version ?? null,
    shadowValue: shadow?.value ?? null,
    shadowVersion: shadow?.version ?? null,
  };
}
