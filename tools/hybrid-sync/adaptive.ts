import { z } from "zod";
import { overwrites } from "../annotations.ts";
import { receiptAnswer } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
import type { Services } from "../services.ts";

export const hybridSyncAdaptive = defineTool({
  name: "hybrid_sync_adaptive",
  title: "Write, by load",
  description:
    "Writes a value like kv_set and says which way it chose and why: straight to the store under normal load, as an event under high load.",
  input: z.strictObject({ key: fields.key, value: fields.value, ttlSec: fields.ttlSec }),
  output: z.strictObject({
    ...fields.receipt,
    strategy: z
      .enum(["direct", "event"])
      .describe("The way that was chosen; method says how the write went in the end."),
    reason: z.string(),
  }),
  annotations: overwrites,
  async handle({ key, value, ttlSec }, { kv }: Pick<Services, "kv">) {
    const written = await kv.set({
      key,
      value,
      ttlMs: ttlSec === undefined ? null : ttlSec * 1000,
    });
    return { ...receiptAnswer(written), strategy: written.strategy, reason: written.reason };
  },
});
