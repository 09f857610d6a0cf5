import { z } from "zod";
import { writtenAtMs } from "../src/model/version.ts";
import { reads } from "./annotations.ts";
import { isoTime } from "./answers.ts";
import { copyClass } from "./copy-class.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const verifyKeySync = defineTool({
  name: "verify_key_sync",
  title: "Verify one key",
  description:
    "Compares one key's cached copy with the stored one, says how they stand to each other and why, who wrote last, and what to do. Changes nothing.",
  input: z.strictObject({ key: fields.key }),
  output: z.strictObject({
    key: z.string(),
    inSync: z
      .boolean()
      .describe("False only for a difference that ordinary traffic does not explain."),
    verdict: copyClass,
    cause: z.string(),
    cacheValue: z.string().nullable(),
    shadowValue: z.string().nullable(),
    cacheVersion: fields.version.nullable(),
    shadowVersion: fields.version.nullable(),
    sessionId: z.string().nullable(),
    interactionId: z.string().nullable(),
    lastWriteAt: z.string().nullable(),
    suggestedAction: z.string().nullable(),
  }),
  annotations: reads,
  async handle({ key }, { keyVerifier }: Pick<Services, "keyVerifier">) {
    const {
      copyClass: verdict,
      inSync,
      cause,
      cached,
      shadow,
      suggestedAction,
    } = await keyVerifier.verify(key);
    const cacheVersion = cached.meta?.version ?? null;
    const shadowVersion = shadow?.version ?? null;
    const newest = [cacheVersion, shadowVersion]
      .filter((one) => one !== null)
      .sort()
      .at(-1);
    return {
      key,
      inSync,
      verdict,
      cause,
      cacheValue: cached.value?.text ?? null,
      shadowValue: shadow?.value ?? null,
      cacheVersion,
      shadowVersion,
      sessionId: cached.meta?.sessionId ?? shadow?.sessionId ?? null,
      interactionId: cached.meta?.interactionId ?? shadow?.interactionId ?? null,
      lastWriteAt: newest === undefined ? null : isoTime(writtenAtMs(newest)),
      suggestedAction,
    };
  },
});
