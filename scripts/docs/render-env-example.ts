import { listVariables } from "../../src/config/schema.ts";
import { defaultOf, groupBySection } from "./variables.ts";

/** .env.example: every variable, commented out, so that a copy changes nothing until a line is made active. */
export function renderEnvExample(): string {
  const lines = [
    "# Made by `npm run docs`. Copy to .env, take away the # of what you want to set, and start",
    "# with it: node --env-file=.env dist/src/main.js http",
  ];
  for (const [section, variables] of groupBySection(listVariables())) {
    lines.push("", "", `# ${section}`);
    for (const variable of variables) {
      const { env, description, unit, values, example } = variable;
      const facts = [
        unit === undefined ? undefined : `in ${unit}`,
        values,
        `default: ${defaultOf(variable)}`,
      ].filter((fact) => fact !== undefined);
      lines.push("", ...wrap(description), `# (${facts.join("; ")})`, `# ${env}=${example}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > 100) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
