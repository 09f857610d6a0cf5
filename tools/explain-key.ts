import { z } from "zod";
import { KEY_EVENT_KINDS } from "../src/history/key-event.ts";
import type { KeyEventSource } from "../src/history/key-explainer.ts";
import { reads } from "./annotations.ts";
import { isoTime } from "./answers.ts";
import { defineTool } from "./define-tool.ts";
import * as fields from "./fields.ts";
import type { Services } from "./services.ts";

const SOURCES = ["process", "kept", "state"] as const satisfies readonly KeyEventSource[];

export const explainKey = defineTool({
  name: "explain_key",
  title: "Explain one key",
  description:
    "Tells what happened to a key, newest last: writes and who made them, how they reached the store, fills, evictions noticed, differences found, repairs, losses. covers says what the answer can know of: everything since this process started, as far as its memory holds; the rare events of all processes for some days; and from cache and store the last write, always. Changes nothing.",
  input: z.strictObject({
    key: fields.key,
    limit: z
      .number()
      .int()
      .min(1)
      .max(500)
      .default(50)
      .describe("At most this many events, the latest."),
  }),
  output: z.strictObject({
    key: z.string(),
    events: z.array(
      z.strictObject({
        at: z.string().describe("By the clock of whoever noted it; of a repeated event, the last."),
        what: z.enum(KEY_EVENT_KINDS),
        how: z.string().nullable().describe("The way, the class or the action."),
        version: fields.version.nullable(),
        sessionId: z.string().nullable(),
        interactionId: z.string().nullable(),
        times: z.number().describe("How often it happened in a row."),
        note: z.string().nullable(),
        from: z
          .enum(SOURCES)
          .describe(
            "process: seen by this process. kept: noted in the store, by any process. state: what cache and store show now.",
          ),
        process: z.string().nullable().describe("Who saw it; null where the state tells it."),
      }),
    ),
    truncated: z.boolean(),
    covers: z.strictObject({
      process: z.string().describe("This process: of others, only rare events are known."),
      since: z.string().describe("Since when it listens."),
      keptForHours: z.number().describe("How long the store keeps rare events."),
      notKept: z.number().describe("Rare events that this process could not keep there."),
      unknown: z
        .array(z.enum(SOURCES))
        .describe("What could not be asked now, because cache or store does not answer."),
    }),
  }),
  annotations: reads,
  async handle({ key, limit }, { keyExplainer }: Pick<Services, "keyExplainer">) {
    const { events, truncated, covers } = await keyExplainer.explain(key, limit);
    return {
      key,
      events: events.map(
        ({ atMs, by, note = null, sessionId = null, interactionId = null, ...event }) => ({
          at: isoTime(atMs),
          ...event,
          sessionId,
          interactionId,
          note,
          process: by,
        }),
      ),
      truncated,
      covers: {
        process: covers.process,
        since: isoTime(covers.sinceMs),
        keptForHours: covers.keptForMs / 3_600_000,
        notKept: covers.letGo,
        unknown: [...covers.unknown],
      },
    };
  },
});
