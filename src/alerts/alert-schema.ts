import { z } from "zod";

/** How many keys an alert names, and how many characters of each. */
export const ALERT_KEYS_MAX = 10;
export const ALERT_KEY_CHARACTERS_MAX = 200;

/** What the webhook is sent. docs/alert.schema.json is made from it. Never a value of a key. */
export const alertSchema = z
  .strictObject({
    format: z.literal("lockstep-alert-1").describe("Another number means another shape."),
    id: z
      .string()
      .describe("The same for each attempt to deliver this alert, and for each way it takes."),
    event: z
      .enum(["issues_detected", "check_failed", "recovered", "test"])
      .describe(
        "issues_detected: cache and store differ. check_failed: they could not be compared. recovered: they agree again, after either. test: somebody tries the way.",
      ),
    reminder: z.boolean().describe("Whether this was told before, and still stands."),
    summary: z.string().describe("One sentence for people."),
    at: z.iso.datetime().describe("When the check began."),
    since: z.iso
      .datetime()
      .nullable()
      .describe("When a check first found what event says; null for a test."),
    by: z.string().describe("Which process of which machine has checked."),
    version: z.string().describe("The version of Lockstep."),
    findings: z
      .strictObject({
        keysChecked: z.number(),
        issues: z.number().describe("Keys with an issue."),
        counts: z.record(z.string(), z.number()).describe("Those by class."),
        unprocessedOutboxEvents: z.number(),
        keys: z
          .array(z.strictObject({ key: z.string(), class: z.string() }))
          .max(ALERT_KEYS_MAX)
          .describe(
            `The first ${ALERT_KEYS_MAX}, each cut after ${ALERT_KEY_CHARACTERS_MAX} characters.`,
          ),
        truncated: z.boolean().describe("Whether there are more."),
      })
      .nullable()
      .describe("null where nothing could be compared, and for a test."),
    error: z
      .strictObject({ code: z.string(), message: z.string() })
      .nullable()
      .describe("What kept it from comparing; null otherwise."),
  })
  .describe("What Lockstep posts to LOCKSTEP_ALERT_WEBHOOK_URL.");

export type Alert = Readonly<z.output<typeof alertSchema>>;
