import { describe, expect, it } from "@jest/globals";
import { listTools } from "../../../src/app/list-tools.ts";
import { exitCodeOf } from "../../../src/cli/exit-code.ts";
import { ERRORS, type ErrorCode, type ErrorKind } from "../../../src/model/error-table.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { type CallReply, replyWith, replyWithError } from "../../../src/transport/call-reply.ts";
import { CLASSES } from "../../../src/verify/classify.ts";

type Answer = Readonly<Record<string, unknown>>;

const TOOLS = listTools().map(({ name }) => name);

const reconciled = (figures: Answer = {}, checkOnly = false): Answer => ({
  checkOnly,
  models: [
    { model: "a", complete: true },
    { model: "b", complete: true, created: 0, conflicts: 0, ...figures },
  ],
});

const repaired = (before: string, after: string | null, action = "none"): Answer => ({
  action,
  before: { verdict: before },
  after: after === null ? null : { verdict: after },
});

const planned = (byClass: Answer, repairs: number): Answer => ({ repairs, byClass });

/** Of each tool that can find something: answers that leave nothing, and answers that leave something. */
const ANSWERS: Readonly<
  Record<string, { readonly 0: readonly Answer[]; readonly 1: readonly Answer[] }>
> = {
  apply_sync_repair: {
    0: [{ applied: 3, moved: 0, failed: 0 }],
    1: [
      { applied: 3, moved: 1, failed: 0 },
      { applied: 3, moved: 0, failed: 1 },
    ],
  },
  check_cache_consistency: {
    0: [{ models: [{ consistent: 1, missing: 9 }] }, { models: [] }],
    1: [{ models: [{ inconsistent: 0 }, { inconsistent: 1 }] }, { models: [{ orphaned: 1 }] }],
  },
  force_sync_repair: {
    0: [
      repaired("missing", "ok", "project"),
      repaired("ok", "ok"),
      repaired("missing", "pending", "project"),
      repaired("cold", null),
      // Other programs' values and evicted keys are no drift, whatever could be done about them.
      repaired("unmanaged", null, "follow_cache"),
    ],
    1: [
      repaired("lost", "lost"),
      repaired("corrupt", null),
      repaired("missing", null, "project"),
      repaired("ok", "of a newer release"),
    ],
  },
  plan_sync_repair: {
    0: [planned({}, 0)],
    1: [planned({ missing: 2 }, 2), planned({ lost: 1 }, 0)],
  },
  reconcile_model: {
    0: [
      reconciled(),
      reconciled({ skipped: 2, keptOrphans: 2 }),
      reconciled({ created: 3, updated: 2, removed: 1 }),
      reconciled({}, true),
    ],
    1: [
      reconciled({ conflicts: 1 }),
      reconciled({ errors: 1 }),
      reconciled({ missingTimestamps: 1 }),
      reconciled({ otherType: 1 }),
      reconciled({ undecodable: 1 }),
      reconciled({ withoutKey: 1 }),
      reconciled({ lockstepKeys: 1 }),
      reconciled({ complete: false }),
      reconciled({ created: 1 }, true),
      reconciled({ removed: 1 }, true),
      reconciled({ complete: false }, true),
    ],
  },
  undo_sync_repair: {
    0: [{ restored: 3, nothing: 1, moved: 0, failed: 0 }],
    1: [
      { restored: 3, moved: 1, failed: 0 },
      { restored: 3, moved: 0, failed: 1 },
    ],
  },
  verify_cache_sync: {
    0: [{ overallSyncHealth: "HEALTHY" }],
    1: [{ overallSyncHealth: "ISSUES_DETECTED" }],
  },
  verify_key_sync: { 0: [{ inSync: true }], 1: [{ inSync: false }] },
};

/** Tools that do or show something, and look for no drift. */
const WITHOUT_FINDINGS = [
  "explain_key",
  "get_cache_ttl_info",
  "hybrid_sync_adaptive",
  "hybrid_sync_configure",
  "hybrid_sync_delete",
  "hybrid_sync_load_check",
  "hybrid_sync_manual",
  "hybrid_sync_stats",
  "kv_delete",
  "kv_get",
  "kv_set",
  "list_check_results",
  "list_models",
  "outbox_dead_letters",
  "outbox_replay",
];

const BY_KIND: Readonly<Record<ErrorKind, number>> = {
  input: 2,
  conflict: 1,
  unavailable: 2,
  aborted: 2,
  broken: 2,
  "start-up": 2,
};

const failure = (code: ErrorCode): CallReply =>
  replyWithError(new LockstepError(code, "It did not work."), { redact: (text) => text });

describe("The exit code of a tool", () => {
  it("is decided for every tool there is", () => {
    expect([...Object.keys(ANSWERS), ...WITHOUT_FINDINGS].sort()).toEqual([...TOOLS].sort());
  });

  it.each(
    Object.entries(ANSWERS).flatMap(([tool, byCode]) =>
      ([0, 1] as const).flatMap((code) =>
        byCode[code].map((answer) => [tool, code, answer] as const),
      ),
    ),
  )("%s ends with %i on %j", (tool, code, answer) => {
    expect(exitCodeOf(tool, replyWith(answer))).toBe(code);
  });

  it("is 0 for what only does or shows something", () => {
    for (const tool of WITHOUT_FINDINGS) expect(exitCodeOf(tool, replyWith({ any: 1 }))).toBe(0);
  });

  it("is 1 for each class that is an issue, and for no other, after a repair", () => {
    for (const [copyClass, isIssue] of Object.entries(CLASSES)) {
      const reply = replyWith(repaired("missing", copyClass));
      expect([copyClass, exitCodeOf("force_sync_repair", reply)]).toEqual([
        copyClass,
        isIssue ? 1 : 0,
      ]);
    }
  });

  it.each(Object.keys(ERRORS) as ErrorCode[])(
    "follows the kind of %s, whatever the tool",
    (code) => {
      for (const tool of TOOLS) {
        expect([tool, exitCodeOf(tool, failure(code))]).toEqual([tool, BY_KIND[ERRORS[code].kind]]);
      }
    },
  );

  it("is 2 for a failure that this release cannot read", () => {
    const texts = ["no JSON", "null", '{"code":"OF_A_NEWER_RELEASE"}', '{"code":"toString"}'];
    for (const text of texts) {
      const reply: CallReply = { content: [{ type: "text", text }], isError: true };
      expect([text, exitCodeOf("kv_get", reply)]).toEqual([text, 2]);
    }
  });

  it("takes the answer of a tool that only a newer server has for done", () => {
    expect(exitCodeOf("toString", replyWith({}))).toBe(0);
    expect(exitCodeOf("tool_of_a_newer_release", replyWith({}))).toBe(0);
  });
});
