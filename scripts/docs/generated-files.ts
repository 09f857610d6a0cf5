import { listTools } from "../../src/app/list-tools.ts";
import { renderAlertSchema } from "./render-alert-schema.ts";
import { renderConfig } from "./render-config.ts";
import { renderEnvExample } from "./render-env-example.ts";
import { renderErrors } from "./render-errors.ts";
import { renderModelsSchema } from "./render-models-schema.ts";
import { renderTools } from "./render-tools.ts";

/** Every file that is made from the code, by its path in the repository. A test compares them with what is there. */
export function renderGeneratedFiles(): ReadonlyMap<string, string> {
  return new Map([
    [".env.example", renderEnvExample()],
    ["docs/alert.schema.json", renderAlertSchema()],
    ["docs/CONFIG.md", renderConfig()],
    ["docs/ERRORS.md", renderErrors()],
    ["docs/models.schema.json", renderModelsSchema()],
    ["docs/TOOLS.md", renderTools(listTools())],
  ]);
}
