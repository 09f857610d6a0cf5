import type { ListedTool } from "../transport/mcp-methods.ts";
import { fieldsOf, type ToolField } from "./read-arguments.ts";

export function renderHelp(tools: readonly ListedTool[]): string {
  const width = Math.max(...tools.map(({ name }) => name.length));
  const list = tools.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`);
  return `Usage:
  lockstep                            serve MCP on stdin and stdout, as MCP clients start it
  lockstep http                       serve MCP over HTTP
  lockstep [call] <tool> name=value…  run one tool
  lockstep <tool> --help              what the tool does and takes
  lockstep --version

Options of call:
  --json       print the answer as one line of JSON
  --url <url>  ask the running server there; statistics are those of its process

Tools:
${list.join("\n")}

Exit codes: 0 fine; 1 the tool failed, or drift was found and not repaired; 2 usage, configuration, or it cannot run.
Settings are environment variables; docs/CONFIG.md and .env.example list them.
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
