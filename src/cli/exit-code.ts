import { isRecord } from "../lib/is-record.ts";
import { ERRORS, type ErrorKind } from "../model/error-table.ts";
import type { SkipReason } from "../models/plan-change.ts";
import type { CallReply } from "../transport/call-reply.ts";
import { CLASSES } from "../verify/classify.ts";

/**
 * 0: consistent, or repaired. 1: it ran, and drift or some of what was asked for is left. 2: it could not run, or not to
 * its end: usage, configuration, a backend that is down. Nothing else may end with 1, because cron takes that for drift.
 */
export type ExitCode = 0 | 1 | 2;

/** Only a conflict has looked at the data and found what keeps it from being done. */
const BY_KIND = {
  input: 2,
  conflict: 1,
  unavailable: 2,
  aborted: 2,
  broken: 2,
  "start-up": 2,
} as const satisfies Record<ErrorKind, ExitCode>;

type Answer = Readonly<Record<string, unknown>>;

const answersOnly = (): boolean => false;

/** Whether an answer of each tool tells of drift, or of work, that is left; false for all that only does or shows something. */
const LEAVES_SOMETHING: Readonly<Record<string, (answer: Answer) => boolean>> = {
  apply_sync_repair: (answer) => sumOf(answer, ["moved", "failed"]) > 0,
  check_cache_consistency: (answer) => sumOverModels(answer, ["inconsistent", "orphaned"]) > 0,
  explain_key: answersOnly,
  // A dry run has nothing to show afterwards: what it has found stays.
  force_sync_repair: ({ before, after }) => isDrift(after ?? before),
  get_cache_ttl_info: answersOnly,
  hybrid_sync_adaptive: answersOnly,
  hybrid_sync_configure: answersOnly,
  hybrid_sync_delete: answersOnly,
  hybrid_sync_load_check: answersOnly,
  hybrid_sync_manual: answersOnly,
  hybrid_sync_stats: answersOnly,
  kv_delete: answersOnly,
  kv_get: answersOnly,
  kv_set: answersOnly,
  list_check_results: answersOnly,
  list_models: answersOnly,
  outbox_dead_letters: answersOnly,
  outbox_replay: answersOnly,
  // Also drift for which the strategy has nothing to do, and what no longer fits into the plan.
  plan_sync_repair: ({ byClass }) => Object.values(isRecord(byClass) ? byClass : {}).some(Boolean),
  reconcile_model: leavesEntries,
  undo_sync_repair: (answer) => sumOf(answer, ["moved", "failed"]) > 0,
  verify_cache_sync: ({ overallSyncHealth }) => overallSyncHealth !== "HEALTHY",
  verify_key_sync: ({ inSync }) => inSync !== true,
};

/** Why an entry was left as it is although somebody should look at it; an orphan that the model keeps is meant to stay. */
const UNSETTLED: readonly SkipReason[] = [
  "missingTimestamps",
  "otherType",
  "undecodable",
  "withoutKey",
  "lockstepKeys",
];

/** What a script learns from a reply without reading it. Total: a tool of a newer server that this one does not know is taken at its word. */
export function exitCodeOf(tool: string, reply: CallReply): ExitCode {
  const { isError, structuredContent } = reply;
  if (isError === true || structuredContent === undefined) return exitCodeOfError(reply);
  return LEAVES_SOMETHING[tool]?.(structuredContent) === true ? 1 : 0;
}

function exitCodeOfError({ content: [{ text }] }: CallReply): ExitCode {
  const told = codeIn(text);
  const facts = Object.entries(ERRORS).find(([code]) => code === told)?.[1];
  // What a newer server may say is no drift that anybody has seen.
  return facts === undefined ? 2 : BY_KIND[facts.kind];
}

function codeIn(text: string): unknown {
  try {
    const told: unknown = JSON.parse(text);
    return isRecord(told) ? told["code"] : undefined;
  } catch {
    return undefined;
  }
}

/** A class that only a newer server knows may be an issue. */
function isDrift(copies: unknown): boolean {
  const verdict = isRecord(copies) ? copies["verdict"] : undefined;
  return Object.entries(CLASSES).find(([name]) => name === verdict)?.[1] ?? true;
}

function leavesEntries(answer: Answer): boolean {
  if (modelsOf(answer).some(({ complete }) => complete !== true)) return true;
  const left = ["conflicts", "errors", ...UNSETTLED];
  const changes = answer["checkOnly"] === true ? ["created", "updated", "removed"] : [];
  return sumOverModels(answer, [...left, ...changes]) > 0;
}

function sumOverModels(answer: Answer, names: readonly string[]): number {
  return modelsOf(answer).reduce((sum, model) => sum + sumOf(model, names), 0);
}

function modelsOf({ models }: Answer): readonly Answer[] {
  return Array.isArray(models) ? (models as unknown[]).filter(isRecord) : [];
}

function sumOf(answer: Answer, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + Number(answer[name] ?? 0), 0);
}
