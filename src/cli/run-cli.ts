import { systemClock } from "../lib/clock.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import { type Command, parseCommand } from "./parse-command.ts";
import type { OperatorCommand } from "./parse-operator-command.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Runs one command line to its end and returns the exit code. Each mode's modules are loaded only when it is used:
 * an MCP client waits for the first answer, and loading is most of that wait.
 */
export async function runCli(context: CliContext): Promise<ExitCode> {
  try {
    return await run(parseCommand(context.argv), context);
  } catch (error) {
    context.stderr.write(`lockstep: ${describeFailure(error)}\n`);
    return 2;
  }
}

async function run(command: Command, context: CliContext): Promise<ExitCode> {
  switch (command.kind) {
    case "stdio": {
      const { serveOverStdio } = await import("./serve-stdio.ts");
      return serveOverStdio(context);
    }
    case "http": {
      const { serveOverHttp } = await import("./serve-http.ts");
      return serveOverHttp(context);
    }
    case "call": {
      const { callTool } = await import("./call-tool.ts");
      return callTool(command, context);
    }
    case "alert":
    case "doctor":
    case "check":
    case "backup":
    case "restore":
    case "reconcile_cache": {
      const { runUntilStopped } = await import("./run-until-stopped.ts");
      const work = runOperatorCommand(command, context);
      return runUntilStopped(command, context, { clock: systemClock, work });
    }
    case "version": {
      const { serverInfo } = await import("../transport/server-identity.ts");
      context.stdout.write(`${serverInfo.version}\n`);
      return 0;
    }
    case "command-help": {
      const { renderCommandHelp } = await import("./help.ts");
      context.stdout.write(renderCommandHelp(command.command));
      return 0;
    }
    case "help":
    case "tool-help":
      context.stdout.write(await help(command));
      return 0;
  }
}

async function runOperatorCommand(
  command: OperatorCommand,
  context: CliContext,
): Promise<ExitCode> {
  switch (command.kind) {
    case "alert": {
      const { runAlert } = await import("./run-alert.ts");
      return runAlert(command, context);
    }
    case "doctor": {
      const { runDoctor } = await import("./run-doctor.ts");
      return runDoctor(command, context);
    }
    case "check": {
      const { runCheck } = await import("./run-check.ts");
      return runCheck(command, context);
    }
    case "backup": {
      const { runBackup } = await import("./run-backup.ts");
      return runBackup(command, context);
    }
    case "restore": {
      const { runRestore } = await import("./run-backup.ts");
      return runRestore(command, context);
    }
    case "reconcile_cache": {
      const { runReconcile } = await import("./run-reconcile.ts");
      return runReconcile(command, context);
    }
  }
}

async function help(command: Command): Promise<string> {
  const { listTools } = await import("../app/list-tools.ts");
  const { describeTool } = await import("../transport/mcp-methods.ts");
  const { renderHelp, renderToolHelp } = await import("./help.ts");
  const tools = listTools().map(describeTool);
  if (command.kind !== "tool-help") return renderHelp(tools);
  const { findTool } = await import("./call-tool.ts");
  return renderToolHelp(findTool(command.tool, tools));
}

/** One line that a person can act on. Drivers keep credentials out of their messages. */
function describeFailure(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof LockstepError) return `${error.code}: ${error.message} ${error.hint}`;
  return `cannot run: ${error instanceof Error ? error.message : String(error)}`;
}
