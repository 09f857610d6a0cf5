import { z } from "zod";
import { changes } from "./annotations.ts";
import { defineTool } from "./define-tool.ts";
import type { Services } from "./services.ts";

export const outboxReplay = defineTool({
  name: "outbox_replay",
  title: "Try parked events again",
  description:
    "Puts parked outbox events back, to be tried at once and as often as a new event. Call it when the cause that outbox_dead_letters names is gone. Harmless at any time: a write that a newer one has followed is not brought back.",
  input: z.strictObject({
    ids: z
      .array(z.string())
      .max(1000)
      .optional()
      .describe(
        "The events, by the ids that outbox_dead_letters lists. Leave out for all of them, the oldest thousand first.",
      ),
  }),
  output: z.strictObject({
    replayed: z.number().describe("How many events went back."),
    left: z.number().describe("How many are parked now."),
  }),
  annotations: changes,
  handle: ({ ids }, { deadLetters }: Pick<Services, "deadLetters">) => deadLetters.replay(ids),
});
