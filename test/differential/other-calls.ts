import type { ToolName } from "../support/lockstep/tool-answers.ts";

interface OtherCall {
  readonly tool: ToolName;
  readonly args: Readonly<Record<string, unknown>>;
}

const LONE_SURROGATE = "\ud83d alone";
const UNKNOWN_VERSION = "000000010000000000000001";

/** Calls that are refused, and calls of tools that find nothing here. */
export const OTHER_CALLS: readonly OtherCall[] = [
  ...["", "lockstep:mine", LONE_SURROGATE, "k".repeat(1_025), "é".repeat(513)].flatMap((key) => [
    call("kv_set", { key, value: "refused" }),
    call("kv_get", { key }),
    call("kv_delete", { key }),
    call("verify_key_sync", { key }),
    call("force_sync_repair", { key }),
    call("explain_key", { key }),
  ]),
  ...[LONE_SURROGATE, "x".repeat(1024 * 1024 + 1), 1].flatMap((value) => [
    call("kv_set", { key: "plain", value }),
    call("hybrid_sync_manual", { key: "plain", value }),
  ]),
  ...[
    { ttlSec: 0 },
    { ttlSec: 1.5 },
    { ttlSec: 1e12 },
    { ifVersion: "1" },
    { ifVersion: "z".repeat(24) },
    { ifVersion: UNKNOWN_VERSION, ifAbsent: true },
    { sessionId: "é".repeat(200) },
    { interactionId: LONE_SURROGATE },
    { idempotencyKey: LONE_SURROGATE },
    { idempotencyKey: "" },
    { ack: "outbox" },
    { unknown: true },
  ].map((args) => call("kv_set", { key: "plain", value: "refused", ...args })),
  call("kv_get", { key: "plain", minVersion: "z".repeat(24) }),
  call("kv_get", { key: "never written", minVersion: UNKNOWN_VERSION }),
  call("kv_get", { key: "never written" }),
  call("kv_delete", { key: "plain", ifVersion: UNKNOWN_VERSION }),
  call("explain_key", { key: "never written" }),
  call("verify_key_sync", { key: "never written" }),
  call("force_sync_repair", { key: "never written", strategy: "store" }),
  call("force_sync_repair", { key: "plain", strategy: "oldest" }),
  call("verify_cache_sync", { cursor: "none" }),
  call("verify_cache_sync", { mode: "sample", limit: 1 }),
  call("verify_cache_sync", { sampleSize: 1 }),
  call("verify_cache_sync", { prefix: LONE_SURROGATE }),
  call("verify_cache_sync", { prefix: "lockstep:" }),
  call("get_cache_ttl_info", { cursor: "none" }),
  call("get_cache_ttl_info", { prefix: LONE_SURROGATE }),
  call("get_cache_ttl_info", { prefix: "lockstep:" }),
  call("get_cache_ttl_info", { limit: 0 }),
  call("plan_sync_repair"),
  call("plan_sync_repair", { prefix: LONE_SURROGATE }),
  call("apply_sync_repair", { planId: "none" }),
  call("apply_sync_repair", { planId: LONE_SURROGATE }),
  call("undo_sync_repair", { planId: "$none" }),
  call("outbox_dead_letters"),
  call("outbox_dead_letters", { limit: 1, cursor: "none" }),
  call("outbox_replay"),
  call("outbox_replay", { ids: ["none"] }),
  call("outbox_replay", { ids: [] }),
  call("hybrid_sync_load_check"),
  call("hybrid_sync_stats"),
  call("list_check_results"),
  call("list_check_results", { cursor: "none" }),
  call("list_models"),
  call("check_cache_consistency"),
  call("reconcile_model", { checkOnly: true }),
];

function call(tool: ToolName, args: OtherCall["args"] = {}): OtherCall {
  return { tool, args };
}
