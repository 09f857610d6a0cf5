import { Console } from "node:console";
import { maskConfig } from "../config/secrets.ts";
import { serverInfo } from "../transport/server-identity.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import { openServer } from "./open-server.ts";

/** Serves MCP on stdin and stdout until the client leaves or the process is told to stop. */
export async function serveOverStdio(context: CliContext): Promise<ExitCode> {
  // One stray line of text on stdout, from any library, would break the protocol.
  globalThis.console = new Console(context.stderr, context.stderr);
  const transport = import("../transport/stdio.ts");
  const { config, close, ...parts } = await openServer(context);
  try {
    const { serveStdio } = await transport;
    parts.log.info(
      { config: maskConfig(config) },
      `Lockstep ${serverInfo.version} serves stdin and stdout`,
    );
    const end = await serveStdio({
      ...parts,
      stdin: context.stdin,
      stdout: context.stdout,
      stop: context.stop,
      shutdownTimeoutMs: config.shutdownTimeoutMs,
      valueMaxBytes: config.valueMaxBytes,
    });
    if (end === "message too long") parts.log.error("The client sent a message that is too long");
    parts.log.info(`Lockstep ends: ${end}`);
    return end === "message too long" ? 2 : 0;
  } finally {
    await close();
  }
}
