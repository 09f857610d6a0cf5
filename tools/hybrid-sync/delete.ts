import { z } from "zod";
import { overwrites } from "../annotations.ts";
import { receiptAnswer } from "../answers.ts";
import { defineTool } from "../define-tool.ts";
import * as fields from "../fields.ts";
import { existed } from "../kv-delete.ts";
import type { Services } from "../services.ts";

export const hybridSyncDelete = defineTool({
  name: "hybrid_sync_delete",
  title: "Delete, straight in the store",
  description:
    "Deletes a key like kv_delete, but always tries the store directly first, whatever the load.",
  input: z.strictObject({ key: fields.key }),
  output: z.strictObject({ ...fields.receipt, existed }),
  annotations: overwrites,
  async handle({ key }, { kv }: Pick<Services, "kv">) {
    const receipt = await kv.deleteDirect({ key });
    return { ...receiptAnswer(receipt), existed: receipt.existed };
  },
});
