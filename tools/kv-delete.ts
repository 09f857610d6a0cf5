import { z } from "zod";
import { overwrites } from "./annotations.ts";
import { receiptAnswer } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const existed = z
  .boolean()
  .nullable()
  .describe(
    "Whether a value stood there; null where the store, which would know, did not answer or was not waited for, and where the call repeats an earlier one.",
  );

export const kvDelete = defineTool({
  name: "kv_delete",
  title: "Delete a key",
  description:
    "Deletes a key in the cache and in the store, as a write of its own that no older write can undo. Deleting a key that is not there is fine.",
  input: z.strictObject({
    key: fields.key,
    sessionId: fields.sessionId,
    interactionId: fields.interactionId,
    ack: fields.ack,
    ifVersion: fields.ifVersion,
    idempotencyKey: fields.idempotencyKey,
  }),
  output: z.strictObject({ ...fields.receipt, existed }),
  annotations: overwrites,
  async handle({ sessionId, interactionId, ...request }, { kv }: Pick<Services, "kv">) {
    const receipt = await kv.delete({
      ...request,
      sessionId: sessionId ?? null,
      interactionId: interactionId ?? null,
    });
    return { ...receiptAnswer(receipt), existed: receipt.existed };
  },
});
