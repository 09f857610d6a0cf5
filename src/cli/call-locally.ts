import { listTools } from "../app/list-tools.ts";
import { describeTool } from "../transport/mcp-methods.ts";
import type { CliContext } from "./cli-context.ts";
import { type OpenServer, openServer } from "./open-server.ts";
import type { ToolCaller } from "./tool-caller.ts";

/** Runs tools in this process. The backends are opened by the first call, so that a typing error opens nothing. */
export function openLocalCaller(context: CliContext): ToolCaller {
  // A person who runs one tool wants its answer, and not the story of a server that starts and ends around it; what is
  // unsafe about the backends is told by the servers and by /ready.
  const env = { LOCKSTEP_LOG_LEVEL: "error", ...context.env };
  let server: OpenServer | undefined;
  return {
    list: async () => listTools().map(describeTool),
    async call(name, args) {
      server ??= await openServer({ ...context, env });
      return server.envelope.call({ name, args, signal: context.stop });
    },
    async close() {
      await server?.envelope.drain(server.config.shutdownTimeoutMs);
      await server?.close();
    },
  };
}
