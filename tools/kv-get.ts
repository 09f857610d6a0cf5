import { z } from "zod";
import { reads } from "./annotations.ts";
import { readAnswer } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const kvGet = defineTool({
  name: "kv_get",
  title: "Read a value",
  description:
    "Reads a key: from the cache, or on a miss from the store. A key that was never written, was deleted or has expired is found: false, not an error.",
  input: z.strictObject({
    key: fields.key,
    minVersion: z
      .string()
      .length(24)
      .optional()
      .describe(
        "Answer with this version of the key or a later one, as a write told it, through whichever process; otherwise VERSION_NOT_REACHED.",
      ),
  }),
  output: z.strictObject({
    key: z.string(),
    found: z.boolean(),
    value: z.string().nullable(),
    source: z.enum(["cache", "store"]).describe("Which side answered."),
    version: fields.version
      .nullable()
      .describe("Null where another program put the value into the cache."),
    ageMs: z.number().nullable().describe("Milliseconds since the write."),
    ttlSec: z.number().nullable().describe("Seconds until it expires; null = never."),
    durable: fields.durable
      .nullable()
      .describe("Where this write is known to be safe; null where that was not asked."),
    warning: z.string().optional().describe("Why the answer may be behind the last writes."),
  }),
  annotations: reads,
  async handle({ key, minVersion }, { kv }: Pick<Services, "kv">) {
    return readAnswer(key, await kv.get(key, minVersion));
  },
});
