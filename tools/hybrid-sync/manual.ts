import { z } from "zod";
import { overwrites } from "../annotations.ts";
import { receiptAnswer } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
import type { Services } from "../services.ts";

export const hybridSyncManual = defineTool({
  name: "hybrid_sync_manual",
  title: "Write, straight to the store",
  description:
    "Writes a value like kv_set, but always tries the store directly first, whatever the load. If the store does not take it in time, an event brings it there later.",
  input: z.strictObject({ key: fields.key, value: fields.value, ttlSec: fields.ttlSec }),
  output: z.strictObject(fields.receipt),
  annotations: overwrites,
  async handle({ key, value, ttlSec }, { kv }: Pick<Services, "kv">) {
    return receiptAnswer(
      await kv.setDirect({ key, value, ttlMs: ttlSec === undefined ? null : ttlSec * 1000 }),
    );
  },
});
