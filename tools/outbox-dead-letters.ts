import { z } from "zod";
import { reads } from "./annotations.ts";
import { isoTime } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

export const outboxDeadLetters = defineTool({
  name: "outbox_dead_letters",
  title: "List parked events",
  description:
    "Lists the outbox events that the store has refused too often and that are parked: which write, why, and since when. They are in no other write's way. Once the cause is gone, outbox_replay tries them again.",
  input: z.strictObject({
    limit: fields.pageLimit("events"),
    cursor: fields.cursor,
  }),
  output: z.strictObject({
    events: z.array(
      z.strictObject({
        id: z.string().describe("For outbox_replay."),
        key: z.string().nullable().describe("null where the event cannot be read."),
        version: fields.version.nullable(),
        cause: z.string().describe("Why the store refused it."),
        attempts: z.number().describe("How often it was tried."),
        since: z.string().nullable().describe("When it was parked."),
      }),
    ),
    total: z.number().describe("Parked events in all."),
    truncated: z.boolean().describe("Whether there are more than this answer lists."),
    cursor: z.string().nullable().describe("Where to go on; null at the end."),
  }),
  annotations: reads,
  async handle({ limit, cursor }, { deadLetters }: Pick<Services, "deadLetters">) {
    const page = await deadLetters.list({ limit, ...(cursor === undefined ? {} : { cursor }) });
    return {
      events: page.letters.map(({ sinceMs, ...letter }) => ({
        ...letter,
        since: sinceMs === null ? null : isoTime(sinceMs),
      })),
      total: page.total,
      truncated: page.cursor !== undefined,
      cursor: page.cursor ?? null,
    };
  },
});
