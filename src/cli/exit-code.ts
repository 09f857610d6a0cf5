import { isRecord } from "../lib/is-record.ts";
import type { CallReply } from "../transport/call-reply.ts";

/** 0: fine. 1: the tool failed, or found drift that stays. 2: usage, configuration, or it cannot run at all. */
export type ExitCode = 0 | 1 | 2;

/** What a script learns from a reply without reading it. */
export function exitCodeOf(tool: string, { isError, structuredContent }: CallReply): ExitCode {
  if (isError === true || structuredContent === undefined) return 1;
  switch (tool) {
    case "verify_cache_sync":
      return structuredContent["overallSyncHealth"] === "ISSUES_DETECTED" ? 1 : 0;
    case "verify_key_sync":
      return structuredContent["inSync"] === false ? 1 : 0;
    case "force_sync_repair": {
      // Only a dry run has nothing to show afterwards.
      const wasDryRun = structuredContent["after"] === null;
      return wasDryRun && structuredContent["action"] !== "none" ? 1 : 0;
    }
    case "check_cache_consistency":
      return countIn(structuredContent, ["inconsistent", "orphaned"]) > 0 ? 1 : 0;
    case "reconcile_model": {
      const { checkOnly } = structuredContent;
      const left = ["conflicts", "errors", "missingTimestamps"];
      const found = ["created", "updated", "removed"];
      return countIn(structuredContent, checkOnly === true ? [...left, ...found] : left) > 0
        ? 1
        : 0;
    }
    default:
      return 0;
  }
}

/** The sum of these counts over the models of an answer. */
function countIn(content: Readonly<Record<string, unknown>>, names: readonly string[]): number {
  const models = Array.isArray(content["models"]) ? (content["models"] as unknown[]) : [];
  return models
    .filter((model) => isRecord(model))
    .flatMap((model) => names.map((name) => Number(model[name] ?? 0)))
    .reduce((sum, count) => sum + count, 0);
}
