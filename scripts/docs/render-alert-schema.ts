import { z } from "zod";
import { alertSchema } from "../../src/alerts/alert-schema.ts";

/** docs/alert.schema.json: what the webhook is sent, for those who write its other side. */
export function renderAlertSchema(): string {
  return `${JSON.stringify({ title: "Lockstep alert", ...z.toJSONSchema(alertSchema) }, null, 2)}\n`;
}
