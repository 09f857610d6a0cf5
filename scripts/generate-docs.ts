import { mkdirSync, writeFileSync } from "node:fs";
import { renderGeneratedFiles } from "./docs/generated-files.ts";

// Run by `npm run docs`, in the folder of the repository.
mkdirSync("docs", { recursive: true });
for (const [path, text] of renderGeneratedFiles()) {
  writeFileSync(path, text);
  console.log(path);
}
