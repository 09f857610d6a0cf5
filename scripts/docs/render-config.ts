import { listVariables } from "../../src/config/schema.ts";
import { cell } from "./cell.ts";
import { defaultOf, groupBySection } from "./variables.ts";

/** docs/CONFIG.md, from the schema of the configuration. */
export function renderConfig(): string {
  const sections = [...groupBySection(listVariables())].map(
    ([section, variables]) => `## ${section}

| variable | default | unit or values | meaning |
| --- | --- | --- | --- |
${variables
  .map((variable) => {
    const { env, unit, values, description, secret } = variable;
    const note = secret === undefined ? "" : " Masked in logs.";
    return `| \`${env}\` | ${cell(defaultOf(variable))} | ${cell(values ?? unit ?? "")} | ${cell(description)}${note} |`;
  })
  .join("\n")}
`,
  );
  return `# Configuration

Made by \`npm run docs\` from \`src/config/schema.ts\`.

Everything is set by environment variables; none is needed. They are read once, at start. A blank variable counts as not
set. A value that breaks its rule, or that still holds a placeholder such as \`\${REDIS_URL}\`, keeps the server from
starting with one line that names every such variable, and exit code 2. An unknown variable that begins with \`LOCKSTEP_\`
is a warning with the nearest name.

${sections.join("\n")}`;
}
