import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { renderGeneratedFiles } from "../../../scripts/docs/generated-files.ts";
import { listVariables } from "../../../src/config/schema.ts";
import { ERRORS } from "../../../src/model/error-table.ts";

const root = join(import.meta.dirname, "../../..");
const files = renderGeneratedFiles();

describe("generated files", () => {
  it.each([...files.keys()])("%s is what `npm run docs` makes", (path) => {
    expect(readFileSync(join(root, path), "utf8")).toBe(files.get(path));
  });

  it("name every variable and every error", () => {
    for (const { env } of listVariables()) {
      expect(files.get(".env.example")).toContain(`# ${env}=`);
      expect(files.get("docs/CONFIG.md")).toContain(`| \`${env}\` |`);
    }
    for (const code of Object.keys(ERRORS)) {
      expect(files.get("docs/ERRORS.md")).toContain(`| \`${code}\` |`);
    }
  });

  it("name no error that is not in the table", () => {
    const named = [...(files.get("docs/ERRORS.md") ?? "").matchAll(/^\| `(\w+)` \|/gm)];

    expect(new Set(named.map((match) => match[1]))).toEqual(new Set(Object.keys(ERRORS)));
  });
});
