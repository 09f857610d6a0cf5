import type { ListedTool } from "../transport/mcp-methods.ts";
import { OPERATOR_COMMANDS, operatorCommandOf } from "./operator-commands.ts";
import { fieldsOf, type ToolField } from "./read-arguments.ts";

export function renderHelp(tools: readonly ListedTool[]): string {
  const width = Math.max(...tools.map(({ name }) => name.length));
  const list = (entries: readonly { readonly name: string; readonly title: string }[]) =>
    entries.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`).join("\n");
  return `Usage:
  lockstep                            serve MCP on stdin and stdout, as MCP clients start it
  lockstep http                       serve MCP over HTTP
  lockstep [call] <tool> name=value…  run one tool
  lockstep <command> [options]        run one of the commands below
  lockstep <name> --help              what the tool or the command does and takes
  lockstep --version

Options of call:
  --json       print the answer as one line of JSON
  --url <url>  ask the running server there; statistics are those of its process

Commands:
${list(OPERATOR_COMMANDS)}

Tools:
${list(tools)}

Exit codes: 0 consistent, repaired or done; 1 it ran, and drift, or part of the work, is left; 2 it could not run, or not
to its end: usage, configuration, or a backend that is down.
Settings are environment variables; docs/CONFIG.md and .env.example list them.
`;
}

/** Of a command that there is. */
export function renderCommandHelp(name: string): string {
  const command = operatorCommandOf(name);
  if (command === undefined) throw new TypeError(`There is no command ${name}.`);
  const { title, usage, description, options } = command;
  const width = Math.max(...Object.keys(options).map((option) => option.length));
  const lines = Object.entries(options).map(
    ([option, what]) => `  ${option.padEnd(width)}  ${what}`,
  );
  return `${title}

  lockstep ${name} ${usage}

${description}

${lines.join("\n")}
`;
}

export function renderToolHelp(tool: ListedTool): string {
  const fields = fieldsOf(tool);
  const usage = fields.map(({ name, isRequired }) => (isRequired ? `${name}=…` : `[${name}=…]`));
  const lines = fields.map(describeField);
  return `${tool.title}

  lockstep ${[tool.name, ...usage].join(" ")}

${tool.description}
${lines.length === 0 ? "" : `\n${lines.join("\n")}\n`}`;
}

function describeField({ name, types, isRequired, description }: ToolField): string {
  return `  ${name} (${types.join(" or ")}${isRequired ? "" : ", optional"})  ${description}`;
}
