import { z } from "zod";
import { overwrites } from "./annotations.ts";
import { receiptAnswer } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const kvSet = defineTool({
  name: "kv_set",
  title: "Write a value",
  description:
    "Writes a value under a key, in the cache and in the store. When it answers, the write survives: durable says where it is safe. An existing value is replaced, unless ifVersion or ifAbsent forbids it.",
  input: z.strictObject({
    key: fields.key,
    value: fields.value,
    ttlSec: fields.ttlSec,
    sessionId: fields.sessionId,
    interactionId: fields.interactionId,
    ack: fields.ack,
    ifVersion: fields.ifVersion,
    ifAbsent: fields.ifAbsent,
    idempotencyKey: fields.idempotencyKey,
  }),
  output: z.strictObject(fields.receipt),
  annotations: overwrites,
  async handle({ ttlSec, sessionId, interactionId, ...request }, { kv }: Pick<Services, "kv">) {
    return receiptAnswer(
      await kv.set({
        ...request,
        ttlMs: ttlSec === undefined ? null : ttlSec * 1000,
        sessionId: sessionId ?? null,
        interactionId: interactionId ?? null,
      }),
    );
  },
});
