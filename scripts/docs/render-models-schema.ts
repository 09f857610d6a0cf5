import { z } from "zod";
import { modelsFileSchema } from "../../src/config/models-file-schema.ts";

/** docs/models.schema.json: what LOCKSTEP_MODELS_FILE may hold, for editors. */
export function renderModelsSchema(): string {
  const schema = z.toJSONSchema(modelsFileSchema, { io: "input" });
  return `${JSON.stringify({ title: "Lockstep models", ...schema }, null, 2)}\n`;
}
