import type { CopyClass } from "../../../src/verify/classify.ts";
import type { Caller } from "./caller.ts";
import type { ToolAnswers } from "./tool-answers.ts";

/** Makes the call that a repair named as its undo, and tells what stands there then; undefined where it named none. */
export async function undo(
  lockstep: Caller,
  { key, undo: named }: ToolAnswers["force_sync_repair"],
): Promise<{ readonly value: string | null; readonly verdict: CopyClass } | undefined> {
  if (named === null) return undefined;
  await lockstep.call(named.tool, named.arguments);
  const { value } = await lockstep.call("kv_get", { key });
  const { verdict } = await lockstep.call("verify_key_sync", { key });
  return { value, verdict };
}
