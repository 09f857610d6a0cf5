import { z } from "zod";
import { reads } from "./annotations.ts";
import { secondsLeft } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const getCacheTtlInfo = defineTool({
  name: "get_cache_ttl_info",
  title: "List times to live",
  description:
    "Lists cached keys under a prefix with the seconds they have left. Keys close to expiry come first and are marked.",
  input: z.strictObject({
    prefix: fields.prefix,
    limit: fields.pageLimit("keys"),
    expiringWithinSec: z
      .number()
      .int()
      .min(1)
      .default(300)
      .describe("Keys with this many seconds left, or fewer, are marked expiring."),
    cursor: fields.cursor,
  }),
  output: z.strictObject({
    keys: z.array(
      z.strictObject({
        key: z.string(),
        ttlSec: z.number().nullable().describe("Seconds left; null = no expiry."),
        expiring: z.boolean(),
      }),
    ),
    total: z
      .number()
      .describe(
        "Keys in the cache under the prefix; with a cursor, as counted for the first answer.",
      ),
    truncated: z.boolean().describe("Whether there are more than this answer lists."),
    cursor: z.string().nullable().describe("Where to go on; null at the end."),
  }),
  annotations: reads,
  async handle(
    { prefix, limit, expiringWithinSec, cursor },
    { ttlLister }: Pick<Services, "ttlLister">,
    { signal },
  ) {
    const report = await ttlLister.list({
      limit,
      expiringWithinMs: expiringWithinSec * 1000,
      signal,
      ...(prefix === undefined ? {} : { prefix }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return {
      keys: report.keys.map(({ key, ttlMs, expiring }) => ({
        key,
        ttlSec: secondsLeft(ttlMs),
        expiring,
      })),
      total: report.total,
      truncated: report.cursor !== null,
      cursor: report.cursor,
    };
  },
});
