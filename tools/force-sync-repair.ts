import { z } from "zod";
import type { WriteCondition } from "../src/model/write-condition.ts";
import type { CopiesReport } from "../src/verify/repairer.ts";
import { overwrites } from "./annotations.ts";
import { secondsLeft } from "./answers.ts";
import { copyClass } from "./copy-class.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import { repairAction, repairStrategy } from "./repair-fields.ts";
import type { Services } from "./services.ts";

const copies = z.strictObject({
  verdict: copyClass,
  cacheValue: z.string().nullable(),
  cacheVersion: fields.version.nullable(),
  shadowValue: z.string().nullable(),
  shadowVersion: fields.version.nullable(),
});

export const forceSyncRepair = defineTool({
  name: "force_sync_repair",
  title: "Repair one key",
  description:
    "Brings one key's two copies into agreement. auto believes the cache where its state shows what a person or program did, and never where it is merely empty after an eviction or a restart. A write that comes meanwhile wins. With dryRun it only says what it would do.",
  input: z.strictObject({
    key: fields.key,
    strategy: repairStrategy,
    dryRun: z.boolean().default(false).describe("Say what would be done and change nothing."),
  }),
  output: z.strictObject({
    key: z.string(),
    action: repairAction,
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
          ifVersion: fields.version.optional(),
          ifAbsent: z.literal(true).optional(),
        }),
      })
      .nullable()
      .describe(
        "The call that brings back what was replaced or removed, a TTL too, as long as nobody has written the key since; null where nothing was, where it was older than what stands now, and for a dry run.",
      ),
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
                ...(undoTtlSec === null
                  ? {}
                  : { ttlSec: Math.min(undoTtlSec, fields.TTL_MAX_SEC) }),
                ...conditionArguments(undo.condition),
              },
            },
    };
  },
});

function conditionArguments(condition: WriteCondition) {
  return condition.kind === "absent"
    ? { ifAbsent: true as const }
    : { ifVersion: condition.version };
}

function copiesAnswer({ copyClass: verdict, cached, shadow }: CopiesReport) {
  return {
    verdict,
    cacheValue: cached.value?.text ?? null,
    cacheVersion: cached.meta?.version ?? null,
    shadowValue: shadow?.value ?? null,
    shadowVersion: shadow?.version ?? null,
  };
}
