import { nearestName } from "../lib/nearest-name.ts";
import type { ListedTool } from "../transport/mcp-methods.ts";
import type { CliContext } from "./cli-context.ts";
import { type ExitCode, exitCodeOf } from "./exit-code.ts";
import { OPERATOR_COMMANDS } from "./operator-commands.ts";
import type { CallCommand } from "./parse-command.ts";
import { printReply } from "./print-reply.ts";
import { readArguments } from "./read-arguments.ts";
import type { ToolCaller } from "./tool-caller.ts";
import { UsageError } from "./usage-error.ts";

/** Runs one tool and prints its answer. Errors: UsageError, and those of opening the server. */
export async function callTool(command: CallCommand, context: CliContext): Promise<ExitCode> {
  const caller = await openCaller(command, context);
  try {
    const tool = findTool(command.tool, await caller.list());
    const reply = await caller.call(tool.name, readArguments(command.words, tool));
    const printed = printReply(reply, command.json);
    context.stdout.write(printed.stdout);
    context.stderr.write(printed.stderr);
    return exitCodeOf(tool.name, reply);
  } finally {
    await caller.close();
  }
}

export function findTool(name: string, tools: readonly ListedTool[]): ListedTool {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  const commands = ["http", "call", "help", ...OPERATOR_COMMANDS.map((one) => one.name)];
  const nearest = nearestName(name, [...tools.map((one) => one.name), ...commands]);
  const guess = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  throw new UsageError(`${name} is neither a command nor a tool.${guess} See lockstep --help`);
}

async function openCaller({ url }: CallCommand, context: CliContext): Promise<ToolCaller> {
  if (url !== undefined) {
    const { openRemoteCaller } = await import("./call-remotely.ts");
    return openRemoteCaller(url, context.env["LOCKSTEP_HTTP_TOKEN"] || undefined);
  }
  const { openLocalCaller } = await import("./call-locally.ts");
  return openLocalCaller(context);
}
